import { z } from 'zod';
import { unknownReport } from '../../src/reports/report-states.ts';
import { applyWait, waitedHeader, waitHeader } from '../http/answer-job.ts';
import { auditOf } from '../http/audited.ts';
import { mayUseTables } from '../http/auth.ts';
import { contextOf } from '../http/context.ts';
import { waitSignal } from '../http/gone.ts';
import { MAX_WAIT_SECONDS } from '../http/prefer.ts';
import { defineRoute } from '../http/route.ts';
import { path, temporalLinkSchema } from '../http/schemas.ts';
import { workflowLink } from '../http/temporal-link.ts';
import { reportPath } from './report-links.ts';
import { reportSchema } from './report-schemas.ts';

const refreshSchema = z
  .object({
    name: z.string(),
    workflowId: z.string(),
    runId: z.string(),
    status: z
      .enum(['running', 'done'])
      .meta({ description: 'done: the view shows all that was there when it was asked for' }),
    state: reportSchema.shape.state,
    links: z.object({
      self: path.meta({ description: 'The report; wants the parameters' }),
      temporal: temporalLinkSchema,
    }),
  })
  .meta({ id: 'ReportRefresh' });

const content = { 'application/json': { schema: refreshSchema } };

export const refreshReportRoute = defineRoute({
  method: 'post',
  path: '/v1/reports/{name}/refresh',
  tag: 'Reports',
  summary: 'Refresh a report',
  description:
    'Also when nothing has changed. A view is refreshed by one workflow, one refresh after the other and each ' +
    'LONGSHORE_REFRESH_SECONDS after the one before at the earliest; readers see what it held until then. ' +
    `\`Prefer: wait=N\` (at most ${MAX_WAIT_SECONDS}) waits for it.`,
  scopes: ['write'],
  audit: 'report.refresh',
  params: z.strictObject({ name: z.string().meta({ example: 'hires-by-quarter' }) }),
  headers: waitHeader,
  responses: {
    '200': { description: 'Waited for: the report is refreshed', headers: waitedHeader, content },
    '202': { description: 'The refresh has been asked for', headers: waitedHeader, content },
  },
  problems: ['unknown-report', 'temporal-unavailable'],
  async handle({ req, res, deps, params, holder }) {
    const report = deps.reports.reports.find(({ name }) => name === params.name);
    if (report !== undefined) auditOf(res).target = report.name;
    if (report === undefined || !mayUseTables(holder!, report.tables)) throw unknownReport(params.name);
    const waitMs = applyWait({ req, res }) ?? 0;
    const asked = await deps.refresher.refresh(report.name, waitMs, waitSignal(res));
    const { workflowId, runId, refreshed } = asked;
    contextOf(res).workflowId = workflowId;
    const { name, ...state } = asked.state;
    res.status(refreshed ? 200 : 202).json({
      name,
      workflowId,
      runId,
      status: refreshed ? 'done' : 'running',
      state,
      links: { self: reportPath(report), ...workflowLink(workflowId, deps) },
    } satisfies z.infer<typeof refreshSchema>);
  },
});
