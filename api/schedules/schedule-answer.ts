import { z } from 'zod';
import { CODECS } from '../../src/avro/codec.ts';
import type { RetentionPlan } from '../../src/backups/retention.ts';
import { SCHEDULE_KINDS } from '../../src/schedules/contract.ts';
import { retentionSchema, scheduleIdSchema } from '../../src/schedules/schedule.ts';
import type { ScheduleRun, ScheduleView } from '../../src/schedules/schedule-service.ts';
import { backupStatusSchema } from '../backups/backup-schemas.ts';
import type { ApiDeps } from '../http/deps.ts';
import { instant, jobErrorSchema, path, temporalLinkSchema } from '../http/schemas.ts';
import { temporalLink, workflowLink } from '../http/temporal-link.ts';
import { restoreStatusSchema } from '../restores/restore-schemas.ts';

const RUN_STATUSES = ['running', 'done', 'failed', 'cancelled', 'unknown'] as const;

const runView = z.object({
  workflowId: z.string(),
  runId: z.string(),
  scheduledAt: instant,
  startedAt: instant,
  status: z.enum(RUN_STATUSES).meta({
    description: 'unknown: Temporal has forgotten the run, and the ledger has nothing of it',
  }),
  backup: z.object({ id: z.string(), status: backupStatusSchema }).nullable(),
  drills: z.array(
    z.object({
      restoreId: z.int().min(1),
      backupId: z.string(),
      status: restoreStatusSchema,
    }),
  ),
});
runView satisfies z.ZodType<ScheduleRun>;

const runSchema = runView
  .extend({ links: z.object({ backup: path.optional(), temporal: temporalLinkSchema }) })
  .meta({ id: 'ScheduleRun' });

const scheduleView = z.object({
  id: scheduleIdSchema,
  temporalId: z.string().meta({ description: "Its ID in Temporal: with the installation's before it" }),
  kind: z.enum(SCHEDULE_KINDS),
  cron: z.string().nullable().meta({
    description: 'null: someone gave it times in Temporal that a cron expression can not say',
  }),
  timezone: z.string(),
  tables: z.array(z.string()).nullable().meta({ description: 'null: all tables' }),
  codec: z.enum(CODECS).nullable(),
  encrypt: z.boolean().nullable(),
  retention: retentionSchema.nullable(),
  drill: z.boolean(),
  paused: z.boolean(),
  note: z.string().nullable(),
  nextRuns: z.array(instant).meta({ description: 'The next ones; none while it is paused' }),
  warnings: z.array(z.string()).meta({
    description: 'What happens at its times when clocks change, within a year; empty: nothing special',
  }),
  lastRuns: z.array(runView).meta({ description: 'Newest first' }),
  broken: jobErrorSchema.nullable().meta({
    description:
      'Why its runs can do nothing: a table that it names has left the dictionary (unknown-table), or somebody has ' +
      'changed it in Temporal to what no run can do; null: they can. Such a one may be paused and deleted, and its ' +
      'members are what can be read',
  }),
});
scheduleView satisfies z.ZodType<ScheduleView>;

export const scheduleSchema = scheduleView
  .extend({
    lastRuns: z.array(runSchema).meta({ description: 'Newest first; lists show one' }),
    links: z.object({
      self: path,
      trigger: path,
      pause: path,
      unpause: path,
      retention: path,
      temporal: temporalLinkSchema,
    }),
  })
  .meta({ id: 'Schedule' });
export type ScheduleAnswer = z.infer<typeof scheduleSchema>;

export const triggeredSchema = z
  .object({
    id: z.string().meta({ description: 'Of the schedule' }),
    workflowId: z.string().nullable().meta({ description: 'null: Temporal has not told of the run yet' }),
    runId: z.string().nullable(),
    status: z.literal('accepted'),
    links: z.object({ schedule: path, temporal: temporalLinkSchema }),
  })
  .meta({ id: 'TriggeredSchedule' });

export const retentionPlanSchema = z
  .object({
    keep: z.array(z.object({ id: z.string(), reasons: z.array(z.string()) })),
    remove: z.array(z.object({ id: z.string(), reason: z.string() })),
  })
  .meta({ id: 'RetentionPlan', description: 'Backups of the schedule, newest first' });
retentionPlanSchema satisfies z.ZodType<RetentionPlan>;

export function schedulePath(id: string): string {
  return `/v1/schedules/${id}`;
}

/** A schedule with the addresses of what can be done with it. */
export function scheduleAnswer(view: ScheduleView, deps: ApiDeps): ScheduleAnswer {
  const self = schedulePath(view.id);
  return {
    ...(view as ScheduleAnswer),
    lastRuns: view.lastRuns.map((run) => ({
      ...run,
      drills: [...run.drills],
      links: {
        ...(run.backup !== null && { backup: `/v1/backups/${run.backup.id}` }),
        ...workflowLink(run.workflowId, deps, run.runId),
      },
    })),
    links: {
      self,
      trigger: `${self}/trigger`,
      pause: `${self}/pause`,
      unpause: `${self}/unpause`,
      retention: `${self}/retention`,
      ...temporalLink(deps, `schedules/${view.temporalId}`),
    },
  };
}
