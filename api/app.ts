import express from 'express';
import helmet from 'helmet';
import packageJson from '../package.json' with { type: 'json' };
import { LongshoreError } from '../src/errors.ts';
import { shorten } from '../src/shorten.ts';
import { requestContext } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { docsAssets } from './docs-assets.ts';
import { boundHeaders } from './header-limits.ts';
import { openApiDocument } from './openapi.ts';
import { HttpError, LONGEST_PATH, problemHandler } from './problems.ts';
import { expressPath, type Route } from './route.ts';
import { auditRoute } from './routes/audit.ts';
import { backupFileRoute } from './routes/backup-files.ts';
import { backupRoutes } from './routes/backups.ts';
import { batchRoutes } from './routes/batches.ts';
import { codecRoutes } from './routes/codec.ts';
import { copyRoutes } from './routes/copies.ts';
import { dictionaryRoute } from './routes/dictionary.ts';
import { diffRoute } from './routes/diff.ts';
import { DOCS_ASSETS, docsRoutes } from './routes/docs.ts';
import { healthRoutes } from './routes/health.ts';
import { keyRoutes } from './routes/keys.ts';
import { loadRoutes } from './routes/loads.ts';
import { metricsRoute } from './routes/metrics.ts';
import { openApiRoute } from './routes/openapi.ts';
import { refreshReportRoute } from './routes/refresh-report.ts';
import { rejectRoutes } from './routes/rejects.ts';
import { reportRoutes } from './routes/reports.ts';
import { restoreRoutes } from './routes/restores.ts';
import { postRowsRoute } from './routes/rows.ts';
import { scheduleRoutes } from './routes/schedules.ts';
import { startBackupRoutes } from './routes/start-backup.ts';
import { startLoadRoute } from './routes/start-load.ts';
import { startRestoreRoutes } from './routes/start-restore.ts';
import { tableRoutes } from './routes/tables.ts';
import { tokenRoute } from './routes/tokens.ts';
import { UI_ROUTES, uiOrigin } from './ui-origin.ts';

/** Nothing from elsewhere, and no script inside a page. */
const CONTENT_SECURITY_POLICY = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
};

/** The HTTP API. Serve it with `createHttpServer` of `api/server.ts`. */
export function createApp(deps: ApiDeps): express.Express {
  const app = express();
  // Answers change from one moment to the next; hashing each of them would gain nothing.
  app.set('etag', false);
  // Repeated parameters stay visible as arrays, for the schemas to refuse; no brackets become objects.
  app.set('query parser', 'simple');
  app.set('case sensitive routing', true);
  app.set('strict routing', true);
  app.use(requestContext(deps));
  app.use(boundHeaders);
  // Whether the platform is reached by TLS is for the proxy before it to say, so no Strict-Transport-Security.
  app.use(helmet({ contentSecurityPolicy: CONTENT_SECURITY_POLICY, strictTransportSecurity: false }));
  app.use(DOCS_ASSETS, docsAssets());
  app.use(UI_ROUTES, uiOrigin(deps));
  mount(app, routesOf(deps), deps);
  app.use((req) => {
    throw new LongshoreError('not-found', `there is nothing at ${shorten(req.path, LONGEST_PATH)}`);
  });
  app.use(problemHandler(deps));
  return app;
}

function routesOf({ reports }: ApiDeps): readonly Route[] {
  const routes: Route[] = [
    // Express tries one path after the other: the one that is asked thousands of times a second comes first.
    postRowsRoute,
    startLoadRoute,
    ...loadRoutes,
    ...rejectRoutes,
    ...batchRoutes,
    ...tableRoutes,
    ...reportRoutes(reports.reports),
    refreshReportRoute,
    ...scheduleRoutes,
    ...startBackupRoutes,
    ...backupRoutes,
    backupFileRoute,
    diffRoute,
    ...startRestoreRoutes,
    ...restoreRoutes,
    ...copyRoutes,
    dictionaryRoute,
    ...keyRoutes,
    tokenRoute,
    ...healthRoutes,
    metricsRoute,
    ...codecRoutes,
    ...docsRoutes,
  ];
  routes.push(auditRoute(routes));
  let document: object | undefined;
  routes.push(
    openApiRoute(() => {
      document ??= openApiDocument(routes, packageJson.version);
      return document;
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
