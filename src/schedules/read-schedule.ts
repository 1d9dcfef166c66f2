import {
  type Client,
  type ScheduleDescription,
  type ScheduleExecutionResult,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { z } from 'zod';
import { CODECS } from '../avro/codec.ts';
import type { BackupStatus } from '../backups/backup.ts';
import type { Database } from '../db/database.ts';
import type { DictionaryBook } from '../dictionary/dictionary-book.ts';
import { LongshoreError } from '../errors.ts';
import { jobError } from '../jobs/job.ts';
import type { RestoreStatus } from '../restores/restore.ts';
import { checkBySchema } from '../schema-words.ts';
import type { RunScheduleInput } from './contract.ts';
import { SCHEDULE_KINDS } from './contract.ts';
import { NOTHING_MADE, type RunLedger, readRuns } from './runs.ts';
import { storedRetentionSchema } from './schedule.ts';
import type { RunStatus, ScheduleRun, ScheduleView } from './schedule-service.ts';
import { cronOf, timezoneOf, warningsOf } from './schedule-spec.ts';

export interface ScheduleReader {
  readonly client: Client;
  readonly db: Database;
  readonly dictionary: Pick<DictionaryBook, 'now'>;
}

const NEXT_RUNS = 5;

/** The input is validated, since people can edit it in Temporal's Web UI. */
const inputSchema = z.object({
  scheduleId: z.string(),
  kind: z.enum(SCHEDULE_KINDS),
  timezone: z.string(),
  tables: z.array(z.string()).nullable(),
  codec: z.enum(CODECS).nullable(),
  encrypt: z.boolean().nullable(),
  retention: storedRetentionSchema.nullable(),
  drill: z.boolean(),
});

/** The input of its runs. @throws LongshoreError `schedule-broken` when it is not what Longshore wrote */
export function inputOf(
  scheduleId: string,
  { action }: Pick<ScheduleDescription, 'action'>,
): RunScheduleInput {
  const { input, fault } = readInput(scheduleId, action.args?.[0]);
  if (fault !== null) throw new LongshoreError('schedule-broken', fault);
  return input;
}

/** The input of runs; of one that is not what Longshore wrote, what can be read of it, and why not all. */
function readInput(
  scheduleId: string,
  given: unknown,
): { readonly input: RunScheduleInput; readonly fault: string | null } {
  const parsed = checkBySchema(inputSchema, given);
  if (parsed.success) return { input: parsed.data, fault: null };
  const places = parsed.error.issues.map(({ path, message }) => [...path, message].join(': '));
  const fault = `the input of schedule ${scheduleId} was changed in Temporal to something else: ${places.join('; ')}`;
  const kind = inputSchema.shape.kind.safeParse((given as { kind?: unknown } | undefined)?.kind);
  return { input: { ...UNREAD, scheduleId, kind: kind.data ?? UNREAD.kind }, fault };
}

const UNREAD: Omit<RunScheduleInput, 'scheduleId'> = {
  kind: 'backup',
  timezone: 'UTC',
  tables: null,
  codec: null,
  encrypt: null,
  retention: null,
  drill: false,
};

/** A schedule as users see it, with up to `runs` of its past. */
export async function scheduleView(
  reader: ScheduleReader,
  scheduleId: string,
  described: ScheduleDescription,
  runs = Number.POSITIVE_INFINITY,
): Promise<ScheduleView> {
  const { spec, state, info, action } = described;
  const { input, fault } = readInput(scheduleId, action.args?.[0]);
  const gone = fault === null ? goneTables(reader, input) : null;
  // Temporal has the oldest first.
  const recent = info.recentActions.toReversed().slice(0, runs);
  const { scheduleId: _, ...shown } = input;
  return {
    ...shown,
    id: scheduleId,
    temporalId: described.scheduleId,
    cron: cronOf(spec),
    timezone: timezoneOf(spec),
    paused: state.paused,
    note: state.note || null,
    warnings: warningsOf(spec),
    nextRuns: state.paused ? [] : info.nextActionTimes.slice(0, NEXT_RUNS).map((time) => time.toISOString()),
    lastRuns: await readLastRuns(reader, scheduleId, recent),
    broken:
      fault !== null
        ? jobError('schedule-broken', fault)
        : gone === null
          ? null
          : jobError('unknown-table', gone),
  };
}

/** Its runs fail until the tables are there again, or it names others. */
function goneTables(
  { dictionary }: ScheduleReader,
  { scheduleId, tables }: Pick<RunScheduleInput, 'scheduleId' | 'tables'>,
): string | null {
  const known = new Set(dictionary.now().tables.map(({ name }) => name));
  const gone = (tables ?? []).filter((name) => !known.has(name));
  if (gone.length === 0) return null;
  const what = gone.length === 1 ? 'a table that has' : 'tables that have';
  return `schedule ${scheduleId} names ${what} left the dictionary (${gone.join(', ')}): let it name others, or bring them back`;
}

/** A schedule of which only the ID is known, and why. */
export function unreadSchedule(
  { id, temporalId }: Pick<ScheduleView, 'id' | 'temporalId'>,
  reason: string,
): ScheduleView {
  return {
    ...UNREAD,
    id,
    temporalId,
    cron: null,
    paused: false,
    note: null,
    warnings: [],
    nextRuns: [],
    lastRuns: [],
    broken: jobError('schedule-broken', reason),
  };
}

async function readLastRuns(
  { client, db }: ScheduleReader,
  scheduleId: string,
  recent: readonly ScheduleExecutionResult[],
): Promise<ScheduleRun[]> {
  const runIds = recent.map(({ action }) => action.workflow.firstExecutionRunId);
  const made = await readRuns(db, scheduleId, runIds);
  return Promise.all(
    recent.map(async ({ scheduledAt, takenAt, action }) => {
      const { workflowId, firstExecutionRunId: runId } = action.workflow;
      const ledger = made.get(runId) ?? NOTHING_MADE;
      return {
        workflowId,
        runId,
        scheduledAt: scheduledAt.toISOString(),
        startedAt: takenAt.toISOString(),
        status: (await statusInTemporal(client, workflowId, runId)) ?? statusInLedger(ledger),
        ...ledger,
      };
    }),
  );
}

const STATUSES: Readonly<Record<string, RunStatus>> = {
  RUNNING: 'running',
  PAUSED: 'running',
  COMPLETED: 'done',
  CANCELLED: 'cancelled',
};

/** null: Temporal has forgotten the run. */
async function statusInTemporal(
  client: Client,
  workflowId: string,
  runId: string,
): Promise<RunStatus | null> {
  try {
    const { status } = await client.workflow.getHandle(workflowId, runId).describe();
    return STATUSES[status.name] ?? 'failed';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** States of backups that were made, even if they have been deleted, or changed in the storage, since. */
const MADE: readonly (BackupStatus | RestoreStatus)[] = ['done', 'deleted', 'unverified'];

/** The status of a run by what it made. */
function statusInLedger({ backup, drills }: RunLedger): RunStatus {
  const made = [...(backup === null ? [] : [backup.status]), ...drills.map(({ status }) => status)];
  if (made.length === 0) return 'unknown';
  if (made.includes('failed')) return 'failed';
  if (made.includes('cancelled')) return 'cancelled';
  return made.every((status) => MADE.includes(status)) ? 'done' : 'running';
}
