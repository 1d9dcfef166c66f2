import { z } from 'zod';
import type { ApiKeyHolder } from '../../src/keys/key-rows.ts';
import { newScheduleSchema, scheduleChangeSchema } from '../../src/schedules/schedule.ts';
import type { ScheduleView } from '../../src/schedules/schedule-service.ts';
import { unknownSchedule } from '../../src/schedules/temporal-schedules.ts';
import { auditOf } from '../http/audited.ts';
import { mayUseTables } from '../http/auth.ts';
import { HttpError } from '../http/http-error.ts';
import { readJson } from '../http/json-body.ts';
import { type Call, defineRoute } from '../http/route.ts';
import { workflowLink } from '../http/temporal-link.ts';
import {
  retentionPlanSchema,
  scheduleAnswer,
  schedulePath,
  scheduleSchema,
  triggeredSchema,
} from './schedule-answer.ts';

const BODY_MAX = 65_536;
const TAG = 'Schedules';

const scheduleParams = z.strictObject({ id: z.string().meta({ description: "A schedule's ID" }) });
const oneSchedule = { content: { 'application/json': { schema: scheduleSchema } } };

const listSchedules = defineRoute({
  method: 'get',
  path: '/v1/schedules',
  tag: TAG,
  summary: 'List the schedules, each with its last run',
  description:
    'Schedules are Temporal Schedules: what is changed in the Temporal Web UI shows here. The ledger has them too, so ' +
    'that one which Temporal has lost, or that was changed without the payload key, is made again. One that can not be ' +
    'read is `broken`; the others are as always.',
  scopes: ['read', 'write'],
  responses: {
    '200': {
      description: 'The schedules of tables that the key may use, by ID',
      content: { 'application/json': { schema: z.object({ schedules: z.array(scheduleSchema) }) } },
    },
  },
  problems: ['temporal-unavailable'],
  async handle({ res, deps, holder }) {
    const views = await deps.schedules.list();
    const visible = views.filter((view) => mayUseTables(holder!, view.tables));
    res.json({ schedules: visible.map((view) => scheduleAnswer(view, deps)) });
  },
});

const createSchedule = defineRoute({
  method: 'post',
  path: '/v1/schedules',
  tag: TAG,
  summary: 'Make a schedule of backups or drills',
  description:
    'A run is left out while the one before it is still running. Runs that were missed while Temporal was off are ' +
    'made up for within a day. The kind drill proves the newest good backup of each table.',
  scopes: ['admin'],
  audit: 'schedule.create',
  requestBody: { content: { 'application/json': { schema: newScheduleSchema } }, required: true },
  responses: { '201': { description: 'The schedule', ...oneSchedule } },
  problems: [
    'malformed-body',
    'invalid-request',
    'body-too-large',
    'unknown-table',
    'schedule-state',
    'backup-key-missing',
    'temporal-unavailable',
  ],
  async handle({ req, res, deps, holder }) {
    const request = await readJson(req, res, newScheduleSchema, BODY_MAX);
    auditOf(res).target = request.id;
    requireTables(holder!, request.tables);
    const view = await deps.schedules.create(request);
    res.status(201).location(schedulePath(view.id)).json(scheduleAnswer(view, deps));
  },
});

const getSchedule = defineRoute({
  method: 'get',
  path: '/v1/schedules/{id}',
  tag: TAG,
  summary: 'See a schedule, its next runs and its last ones',
  scopes: ['read', 'write'],
  params: scheduleParams,
  responses: { '200': { description: 'The schedule', ...oneSchedule } },
  problems: ['unknown-schedule', 'temporal-unavailable'],
  async handle(call) {
    call.res.json(scheduleAnswer(await findSchedule(call), call.deps));
  },
});

const changeSchedule = defineRoute({
  method: 'patch',
  path: '/v1/schedules/{id}',
  tag: TAG,
  summary: 'Change a schedule',
  description: 'A run that is under way goes on as it began.',
  scopes: ['admin'],
  audit: 'schedule.change',
  params: scheduleParams,
  requestBody: { content: { 'application/json': { schema: scheduleChangeSchema } }, required: true },
  responses: { '200': { description: 'The schedule as it is now', ...oneSchedule } },
  problems: [
    'malformed-body',
    'invalid-request',
    'body-too-large',
    'unknown-schedule',
    'unknown-table',
    'schedule-broken',
    'backup-key-missing',
    'temporal-unavailable',
  ],
  async handle(call) {
    const { req, res, deps, holder, params } = call;
    const change = await readJson(req, res, scheduleChangeSchema, BODY_MAX);
    await findSchedule(call);
    if (change.tables !== undefined) requireTables(holder!, change.tables);
    res.json(scheduleAnswer(await deps.schedules.change(params.id, change), deps));
  },
});

const deleteSchedule = defineRoute({
  method: 'delete',
  path: '/v1/schedules/{id}',
  tag: TAG,
  summary: 'Delete a schedule',
  description: 'Its backups stay, and a run that is under way goes on.',
  scopes: ['admin'],
  audit: 'schedule.delete',
  params: scheduleParams,
  responses: { '204': { description: 'It is gone' } },
  problems: ['unknown-schedule', 'temporal-unavailable'],
  async handle(call) {
    await findSchedule(call);
    await call.deps.schedules.delete(call.params.id);
    call.res.status(204).end();
  },
});

const triggerSchedule = defineRoute({
  method: 'post',
  path: '/v1/schedules/{id}/trigger',
  tag: TAG,
  summary: 'Run a schedule now',
  description: 'Also one that is paused. Refused while a run is under way.',
  scopes: ['admin'],
  audit: 'schedule.trigger',
  params: scheduleParams,
  responses: {
    '202': {
      description: 'The run has started',
      content: { 'application/json': { schema: triggeredSchema } },
    },
  },
  problems: ['unknown-schedule', 'schedule-state', 'schedule-broken', 'temporal-unavailable'],
  async handle(call) {
    const { res, deps, params } = call;
    await findSchedule(call);
    const run = await deps.schedules.trigger(params.id);
    const schedule = schedulePath(params.id);
    res
      .status(202)
      .location(schedule)
      .json({
        id: params.id,
        workflowId: run?.workflowId ?? null,
        runId: run?.runId ?? null,
        status: 'accepted',
        links: {
          schedule,
          ...(run !== null && workflowLink(run.workflowId, deps, run.runId)),
        },
      });
  },
});

function pauseRoute(action: 'pause' | 'unpause', summary: string, description: string) {
  return defineRoute({
    method: 'post',
    path: `/v1/schedules/{id}/${action}`,
    tag: TAG,
    summary,
    description,
    scopes: ['admin'],
    audit: `schedule.${action}`,
    params: scheduleParams,
    responses: { '200': { description: 'The schedule', ...oneSchedule } },
    problems: ['unknown-schedule', 'temporal-unavailable'],
    async handle(call) {
      await findSchedule(call);
      const view = await call.deps.schedules.setPaused(call.params.id, action === 'pause');
      call.res.json(scheduleAnswer(view, call.deps));
    },
  });
}

const previewRetention = defineRoute({
  method: 'get',
  path: '/v1/schedules/{id}/retention',
  tag: TAG,
  summary: 'See what retention would remove now, and why the rest stays',
  scopes: ['read', 'write'],
  params: scheduleParams,
  responses: {
    '200': {
      description: 'What the end of a run would do, were it now',
      content: { 'application/json': { schema: retentionPlanSchema } },
    },
  },
  problems: ['unknown-schedule', 'schedule-broken', 'temporal-unavailable'],
  async handle(call) {
    await findSchedule(call);
    call.res.json(await call.deps.schedules.retention(call.params.id));
  },
});

export const scheduleRoutes = [
  listSchedules,
  createSchedule,
  getSchedule,
  changeSchedule,
  deleteSchedule,
  triggerSchedule,
  pauseRoute('pause', 'Pause a schedule', 'A run that is under way goes on; no other begins.'),
  pauseRoute('unpause', 'Let a paused schedule go on', 'Runs that the pause left out are not made up for.'),
  previewRetention,
];

type ScheduleCall = Pick<Call<string, { readonly id: string }, unknown>, 'deps' | 'params' | 'holder'>;

async function findSchedule({ deps, params, holder }: ScheduleCall): Promise<ScheduleView> {
  const view = await deps.schedules.get(params.id);
  // A schedule of all tables is for keys that may use all of them.
  if (!mayUseTables(holder!, view.tables)) throw unknownSchedule(params.id);
  return view;
}

function requireTables(holder: ApiKeyHolder, tables: readonly string[] | null): void {
  if (mayUseTables(holder, tables)) return;
  throw new HttpError('forbidden', 'this API key is limited to other tables than those of the schedule', {});
}
