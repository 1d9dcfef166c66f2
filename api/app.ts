import express from 'express';
import helmet from 'helmet';
import packageJson from '../package.json' with { type: 'json' };
import { LongshoreError } from '../src/errors.ts';
import { shorten } from '../src/shorten.ts';
import type { Dictionary } from '../src/types.ts';
import { arrivalFileRoutes } from './arrivals/arrival-files.ts';
import { arrivalRoutes } from './arrivals/arrivals.ts';
import { s3EventsRoute } from './arrivals/s3-events.ts';
import { auditRoute } from './audit/audit.ts';
import { backupFileRoute } from './backups/backup-files.ts';
import { backupRoutes } from './backups/backups.ts';
import { startBackupRoutes } from './backups/start-backup.ts';
import { batchRoutes } from './batches/batches.ts';
import { postRowsRoute } from './batches/post-rows.ts';
import { codecRoutes } from './codec/codec.ts';
import { UI_ROUTES, uiOrigin } from './codec/ui-origin.ts';
import { forDictionary } from './docs/dictionary-schemas.ts';
import { docsRoutes } from './docs/docs.ts';
import { docsAssets } from './docs/docs-assets.ts';
import { type DocsSource, docsSource } from './docs/docs-source.ts';
import { openApiRoute } from './docs/openapi.ts';
import { healthRoutes } from './health/health.ts';
import { metricsRoute } from './health/metrics.ts';
import { requestContext } from './http/context.ts';
import type { ApiDeps } from './http/deps.ts';
import { boundHeaders } from './http/header-limits.ts';
import { HttpError } from './http/http-error.ts';
import { openApiDocument } from './http/openapi.ts';
import { LONGEST_PATH, problemHandler } from './http/problems.ts';
import { expressPath, type Route } from './http/route.ts';
import { readableRequests } from './http/server.ts';
import { keyRoutes } from './keys/keys.ts';
import { tokenRoute } from './keys/tokens.ts';
import { loadRoutes } from './loads/loads.ts';
import { rejectRoutes } from './loads/rejects.ts';
import { startLoadRoute } from './loads/start-load.ts';
import { refreshReportRoute } from './reports/refresh-report.ts';
import { reportRoutes } from './reports/reports.ts';
import { copyRoutes } from './restores/copies.ts';
import { diffRoute } from './restores/diff.ts';
import { restoreRoutes } from './restores/restores.ts';
import { startRestoreRoutes } from './restores/start-restore.ts';
import { scheduleRoutes } from './schedules/schedules.ts';
import { addTablesRoute } from './tables/add-tables.ts';
import { dictionaryRoute } from './tables/dictionary.ts';
import { historyRoute } from './tables/history.ts';
import { inferRoute } from './tables/infer.ts';
import { lookUpRoute } from './tables/look-up.ts';
import { planRoutes } from './tables/plan.ts';
import { removedTableRoutes } from './tables/removed-tables.ts';
import { tableRoutes } from './tables/tables.ts';

/** Allows nothing from other origins, and no inline scripts. The one form is the documentation's search. */
const CONTENT_SECURITY_POLICY = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
  },
};

/** The HTTP API. Serve it with `createHttpServer` of `api/http/server.ts`. */
export function createApp(deps: ApiDeps): express.Express {
  const app = express();
  // Answers change all the time, so hashing each of them would gain nothing.
  app.set('etag', false);
  // Repeated parameters stay arrays, which the schemas refuse; brackets do not make objects.
  app.set('query parser', 'simple');
  app.set('case sensitive routing', true);
  app.set('strict routing', true);
  app.use(requestContext(deps));
  app.use((req, res, next) => deps.closing.admit(req, res, next));
  app.use(readableRequests, boundHeaders);
  // TLS is the business of the proxy in front of the platform, so no Strict-Transport-Security.
  app.use(helmet({ contentSecurityPolicy: CONTENT_SECURITY_POLICY, strictTransportSecurity: false }));
  const docs = docsSource();
  app.use(docsAssets(docs));
  app.use(UI_ROUTES, uiOrigin(deps));
  mount(app, routesOf(deps, docs), deps);
  app.use((req) => {
    throw new LongshoreError('not-found', `there is nothing at ${shorten(req.path, LONGEST_PATH)}`);
  });
  app.use(problemHandler(deps));
  return app;
}

function routesOf({ reports, dictionary }: ApiDeps, docs: DocsSource): readonly Route[] {
  const routes: Route[] = [
    // Express tries one path after the other: the one that is requested thousands of times a second comes first.
    postRowsRoute,
    startLoadRoute,
    ...loadRoutes,
    ...rejectRoutes,
    ...batchRoutes,
    ...tableRoutes,
    addTablesRoute,
    lookUpRoute,
    ...removedTableRoutes,
    ...reportRoutes(reports.reports),
    refreshReportRoute,
    ...scheduleRoutes,
    ...arrivalRoutes,
    ...arrivalFileRoutes,
    s3EventsRoute,
    ...startBackupRoutes,
    ...backupRoutes,
    backupFileRoute,
    diffRoute,
    ...startRestoreRoutes,
    ...restoreRoutes,
    ...copyRoutes,
    dictionaryRoute,
    historyRoute,
    inferRoute,
    ...planRoutes,
    ...keyRoutes,
    tokenRoute,
    ...healthRoutes,
    metricsRoute,
    ...codecRoutes,
    ...docsRoutes(docs),
  ];
  routes.push(auditRoute(routes));
  let made: { readonly of: Dictionary; readonly document: object } | undefined;
  routes.push(
    openApiRoute(() => {
      const of = dictionary.now();
      if (made?.of !== of) {
        made = { of, document: forDictionary(openApiDocument(routes, packageJson.version), of) };
      }
      return made.document;
    }),
  );
  return routes;
}

function mount(app: express.Express, routes: readonly Route[], deps: ApiDeps): void {
  for (const [path, ofPath] of Map.groupBy(routes, (route) => route.path)) {
    const registered = app.route(expressPath(path));
    for (const route of ofPath) registered[route.method](route.handler(deps));
    const methods = ofPath.flatMap(({ method }) =>
      method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()],
    );
    const allow = methods.join(', ');
    registered.all((req) => {
      throw new HttpError('method-not-allowed', `${req.method} is not one of ${allow}`, {
        headers: { Allow: allow },
      });
    });
  }
}
