import { create as contentDisposition } from 'content-disposition';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { LongshoreError } from '../../src/errors.ts';
import type { ApiKeyHolder } from '../../src/keys/key-rows.ts';
import type { LiveReport } from '../../src/reports/ensure-reports.ts';
import { shownColumns } from '../../src/reports/report-request.ts';
import type { ReportAnswer } from '../../src/reports/report-service.ts';
import { answerFormat } from '../http/answer-format.ts';
import { mayUseTables } from '../http/auth.ts';
import type { ApiDeps } from '../http/deps.ts';
import { isKnown } from '../http/etag.ts';
import { setLinks } from '../http/page.ts';
import { defineRoute, type Route } from '../http/route.ts';
import { pageLinks, reportPath } from './report-links.ts';
import { chartQuery, chartRequest, pageQuery, pageRequest } from './report-query.ts';
import { pageSchema, reportSchema } from './report-schemas.ts';

const tag = 'Reports';
const scopes = ['read'] as const;

const conditions = z.object({
  'If-None-Match': z.string().optional().meta({ description: 'The ETag of the answer that one has' }),
});
const freshness = z.object({
  ETag: z.string().meta({ description: 'Strong: the same one means the same bytes' }),
  'Last-Modified': z.string().meta({ description: 'When the snapshot was taken that the view shows' }),
});
const paged = freshness.extend({
  Link: z.string().meta({ description: 'The pages `first`, `last`, `next` and `prev` (RFC 8288)' }),
  'X-Total-Count': z.string().meta({ description: 'Rows on all pages' }),
});
const notModified = { description: 'The answer is the one that If-None-Match names', headers: freshness };

/**
 * The routes of the reports that there are: each has addresses of its own, so that the OpenAPI document shows its
 * parameters and columns.
 */
export function reportRoutes(reports: readonly LiveReport[]): readonly Route[] {
  const charted = reports.filter(({ chart }) => chart !== null);
  return [listReports, ...reports.map(pageRoute), ...charted.map(chartRoute), noReport];
}

const listReports = defineRoute({
  method: 'get',
  path: '/v1/reports',
  tag,
  summary: 'List the reports and how fresh they are',
  scopes,
  responses: {
    '200': {
      description: 'The reports of whose tables the key may use each',
      content: { 'application/json': { schema: z.object({ reports: z.array(reportSchema) }) } },
    },
  },
  async handle({ res, deps, holder }) {
    const reports = readableReports(deps, holder!);
    res.json({ reports: await Promise.all(reports.map((report) => describeReport(deps, report))) });
  },
});

function pageRoute(report: LiveReport): Route {
  const query = pageQuery(report);
  return defineRoute({
    method: 'get',
    path: reportPath(report),
    tag,
    summary: report.title,
    description: `${report.description === null ? '' : `${report.description}\n\n`}${ABOUT_PAGES}`,
    scopes,
    query,
    headers: conditions,
    responses: {
      '200': {
        description: 'A page of its rows',
        headers: paged,
        content: {
          'application/json': { schema: pageSchema(report) },
          'text/csv': { schema: z.string() },
        },
      },
      '304': notModified,
    },
    problems: ['unknown-report', 'report-slow'],
    async handle({ req, res, deps, query: given, holder }) {
      requireReport(deps, holder!, report);
      const request = pageRequest(report, given);
      const format = answerFormat({ req, res, query: given });
      const answer = await deps.reports.answer(report, { format, request }, knows(req));
      if (answer.rendered !== null) {
        const { total, count } = answer.rendered;
        const page = { total: total ?? 0, count: count ?? 0 };
        const { next, previous, ...ends } = pageLinks(report, request, page, format);
        setLinks(res, {
          ...ends,
          ...(next !== null && { next }),
          ...(previous !== null && { prev: previous }),
        });
        res.set('X-Total-Count', String(total));
      }
      if (format === 'csv') res.set('Content-Disposition', contentDisposition(`${report.name}.csv`));
      send(res, answer, format === 'csv' ? 'text/csv; charset=utf-8' : 'application/json; charset=utf-8');
    },
  });
}

const ABOUT_PAGES =
  'Every column chooses rows by equality. JSON has every digit of a number that is stored. CSV is RFC 4180, and a ' +
  'cell that begins with `=`, `+`, `-` or `@` stays as it is: a spreadsheet takes it for a formula.';

function chartRoute(report: LiveReport): Route {
  return defineRoute({
    method: 'get',
    path: `${reportPath(report)}.svg`,
    tag,
    summary: `${report.title}, as a chart`,
    description:
      'Of more than 50 categories, the smallest are added up in one bar. What the picture says is text in it.',
    scopes,
    query: chartQuery(report),
    headers: conditions,
    responses: {
      '200': {
        description: 'The picture',
        headers: freshness,
        content: { 'image/svg+xml': { schema: z.string() } },
      },
      '304': notModified,
    },
    problems: ['unknown-report', 'report-slow'],
    async handle({ req, res, deps, query, holder }) {
      requireReport(deps, holder!, report);
      const ask = { format: 'svg', drawing: chartRequest(report, query) } as const;
      send(res, await deps.reports.answer(report, ask, knows(req)), 'image/svg+xml; charset=utf-8');
    },
  });
}

/** The last of the routes: it answers for unknown reports. */
const noReport = defineRoute({
  method: 'get',
  path: '/v1/reports/{name}',
  tag,
  summary: 'No report',
  undocumented: true,
  scopes,
  params: z.strictObject({ name: z.string() }),
  query: z.looseObject({}),
  responses: {},
  problems: ['unknown-report'],
  handle({ params, deps, holder }) {
    throw unknownReport(deps, holder!, params.name);
  },
});

function readableReports({ reports }: Pick<ApiDeps, 'reports'>, holder: ApiKeyHolder): readonly LiveReport[] {
  return reports.reports.filter(({ tables }) => mayUseTables(holder, tables));
}

function requireReport(deps: ApiDeps, holder: ApiKeyHolder, { name, tables }: LiveReport): void {
  if (!mayUseTables(holder, tables)) throw unknownReport(deps, holder, name);
}

function unknownReport(deps: ApiDeps, holder: ApiKeyHolder, name: string): LongshoreError {
  const names = readableReports(deps, holder).map((report) => report.name);
  const known = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`;
  return new LongshoreError('unknown-report', `there is no report ${JSON.stringify(name)}; ${known}`);
}

async function describeReport(
  { reports }: ApiDeps,
  report: LiveReport,
): Promise<z.infer<typeof reportSchema>> {
  const { name: _, ...state } = await reports.state(report);
  const { name, title, description, parameters, tables, refreshSeconds, chart } = report;
  const self = reportPath(report);
  return {
    name,
    title,
    description,
    parameters: [...parameters],
    columns: shownColumns(report).map((column) => ({ name: column.name, type: column.type })),
    tables: [...tables],
    refreshSeconds,
    state,
    links: { self, ...(chart !== null && { svg: `${self}.svg` }), refresh: `${self}/refresh` },
  };
}

function knows(req: Request): (etag: string) => boolean {
  const header = req.get('if-none-match');
  return (etag) => isKnown(header, etag);
}

/** RFC 9110, 13.1.2 and 15.4.5. To be kept by the one who asked, and to be asked about each time it is used. */
function send(res: Response, { etag, state, rendered }: ReportAnswer, type: string): void {
  res.set({
    ETag: etag,
    'Last-Modified': new Date(state.asOf).toUTCString(),
    'Cache-Control': 'private, no-cache',
  });
  if (rendered === null) {
    res.status(304).end();
    return;
  }
  res.set({ 'Content-Type': type, 'Content-Length': String(rendered.body.length) });
  res.end(rendered.body);
}
