import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleDescription,
  type ScheduleHandle,
  ScheduleNotFoundError,
  type ScheduleOptions,
  type ScheduleOptionsAction,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { readRetention } from '../../src/backups/apply-retention.ts';
import type { BackupKeys } from '../../src/backups/backup-keys.ts';
import type { Database } from '../../src/db/database.ts';
import { LongshoreError } from '../../src/errors.ts';
import type { Installation } from '../../src/installation/installation.ts';
import { nameIn } from '../../src/installation/names.ts';
import { type NewSchedule, type ScheduleChange, scheduleIdSchema } from '../../src/schedules/schedule.ts';
import { quoted } from '../../src/shorten.ts';
import { KIND_ATTRIBUTE } from '../../src/temporal/search-attributes.ts';
import type { Dictionary } from '../../src/types.ts';
import { RUN_SCHEDULE, type RunScheduleInput } from '../../workflows/contract.ts';
import { translateTemporal } from '../load-workflows.ts';
import { inputOf, type ScheduleReader, scheduleView } from './read-schedule.ts';
import type { ScheduleService, StartedRun } from './schedule-service.ts';
import { changedSpec, timezoneOf } from './schedule-spec.ts';

/** A machine that was off when a run was due makes up for it within this time. */
const CATCHUP = '1 day';
const TRIGGER_LOOKS = 50;
const TRIGGER_LOOK_MS = 100;
/** What lists show of the past; one schedule shows all that Temporal remembers. */
const RUNS_IN_LISTS = 1;

export interface TemporalSchedulesDeps extends ScheduleReader {
  readonly client: Client;
  readonly db: Database;
  readonly installation: Installation;
  readonly dictionary: Dictionary;
  readonly backupKeys: BackupKeys;
}

/** The schedule service over Temporal Schedules. */
export function createTemporalSchedules(deps: TemporalSchedulesDeps): ScheduleService {
  const { client, db, installation } = deps;
  const handleOf = (id: string) => {
    if (scheduleIdSchema.safeParse(id).success)
      return client.schedule.getHandle(temporalId(installation, id));
    throw unknownSchedule(id);
  };
  const view = async (id: string) => scheduleView(deps, id, await describe(handleOf(id)));

  return {
    async list() {
      const ids: string[] = [];
      await translating(async () => {
        for await (const { scheduleId, action } of client.schedule.list()) {
          const id = ownId(installation, scheduleId);
          if (id !== null && action?.workflowType === RUN_SCHEDULE) ids.push(id);
        }
      });
      const found = await Promise.all(
        ids.sort().map(async (id) => {
          const described = await describe(handleOf(id)).catch(unlessGone);
          return described && scheduleView(deps, id, described, RUNS_IN_LISTS);
        }),
      );
      return found.filter((one) => one !== null);
    },

    get: view,

    async create(request) {
      check(deps, request);
      await translating(() => client.schedule.create(optionsOf(installation, request)), request.id);
      return view(request.id);
    },

    async change(id, change) {
      check(deps, change);
      const handle = handleOf(id);
      await describe(handle);
      await translating(() => handle.update((before) => changed(installation, id, before, change)), id);
      return view(id);
    },

    async delete(id) {
      await describe(handleOf(id));
      await translating(() => handleOf(id).delete(), id);
    },

    async setPaused(id, paused) {
      const handle = handleOf(id);
      await describe(handle);
      // Not `handle.pause()`: it would write its own note over the user's.
      await translating(
        () =>
          handle.update((before) => ({
            ...changed(installation, id, before, {}),
            state: { ...before.state, paused },
          })),
        id,
      );
      return view(id);
    },

    trigger: (id) => trigger(handleOf(id)),

    async retention(id) {
      const described = await describe(handleOf(id));
      const { retention } = inputOf(id, described);
      const now = new Date().toISOString();
      return readRetention(db, retention, { scheduleId: id, timezone: timezoneOf(described.spec), now });
    },
  };
}

function check({ dictionary, backupKeys }: TemporalSchedulesDeps, { tables, encrypt }: ScheduleChange): void {
  for (const name of tables ?? []) {
    if (dictionary.tables.some((table) => table.name === name)) continue;
    throw new LongshoreError('unknown-table', `the dictionary has no table ${quoted(name)}`);
  }
  if (encrypt === true && backupKeys.current === null) {
    throw new LongshoreError('backup-key-missing', 'a schedule that encrypts needs a backup key');
  }
}

/** The schedule's ID in Temporal; its runs have the time behind it. */
function temporalId({ id }: Installation, scheduleId: string): string {
  return nameIn(id, `schedule-${scheduleId}`);
}

/** null: it is not one of this installation's schedules of backups and drills. */
function ownId(installation: Installation, idInTemporal: string): string | null {
  const prefix = temporalId(installation, '');
  return idInTemporal.startsWith(prefix) ? idInTemporal.slice(prefix.length) : null;
}

function optionsOf(installation: Installation, request: NewSchedule): ScheduleOptions {
  const { id, cron, timezone, note, ...rest } = request;
  return {
    scheduleId: temporalId(installation, id),
    spec: { cronExpressions: [cron], timezone },
    action: actionOf(installation, { ...rest, scheduleId: id, timezone }),
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCHUP },
    state: note === null ? {} : { note },
  };
}

function actionOf(installation: Installation, input: RunScheduleInput): ScheduleOptionsAction {
  const what = input.tables === null ? 'all tables' : input.tables.join(', ');
  return {
    type: 'startWorkflow',
    workflowType: RUN_SCHEDULE,
    workflowId: temporalId(installation, input.scheduleId),
    taskQueue: installation.queue,
    args: [input],
    typedSearchAttributes: [{ key: KIND_ATTRIBUTE, value: 'schedule' }],
    staticSummary: `Schedule ${input.scheduleId}: ${input.kind}`,
    staticDetails: `Schedule **${input.scheduleId}**: ${input.kind} of ${what}`,
  };
}

/** A pause and whatever else was set in Temporal stays as it is. */
function changed(
  installation: Installation,
  id: string,
  before: ScheduleDescription,
  change: ScheduleChange,
) {
  const { cron: _, note, ...forRuns } = change;
  const given = Object.fromEntries(Object.entries(forRuns).filter(([, value]) => value !== undefined));
  const spec = changedSpec(before.spec, change);
  const input = { ...inputOf(id, before), ...given, scheduleId: id, timezone: spec.timezone ?? 'UTC' };
  return {
    spec,
    policies: before.policies,
    state: { ...before.state, ...(note !== undefined && { note: note ?? '' }) },
    action: actionOf(installation, checkKind(input)),
  };
}

function checkKind(input: RunScheduleInput): RunScheduleInput {
  const { kind, codec, encrypt, retention, drill } = input;
  if (kind === 'backup' || (codec === null && encrypt === null && retention === null && !drill)) return input;
  throw new LongshoreError(
    'invalid-request',
    'codec, encrypt, retention and drill are for schedules of the kind backup',
  );
}

async function trigger(handle: ScheduleHandle): Promise<StartedRun | null> {
  const before = await describe(handle);
  const [running] = before.info.runningActions;
  if (running !== undefined) {
    throw new LongshoreError('schedule-state', `the run ${running.workflow.workflowId} is under way`);
  }
  const known = new Set(before.info.recentActions.map(({ action }) => action.workflow.firstExecutionRunId));
  await translating(() => handle.trigger(ScheduleOverlapPolicy.SKIP), handle.scheduleId);
  for (let look = 0; look < TRIGGER_LOOKS; look++) {
    const { info } = await describe(handle);
    const started = info.recentActions.find(({ action }) => !known.has(action.workflow.firstExecutionRunId));
    if (started !== undefined) {
      const { workflowId, firstExecutionRunId } = started.action.workflow;
      return { workflowId, runId: firstExecutionRunId };
    }
    await sleep(TRIGGER_LOOK_MS);
  }
  return null;
}

/** @throws `unknown-schedule`, also for a schedule of something else that has this ID */
async function describe(handle: ScheduleHandle): Promise<ScheduleDescription> {
  const described = await translating(() => handle.describe(), handle.scheduleId);
  if (described.action.workflowType === RUN_SCHEDULE) return described;
  throw unknownSchedule(handle.scheduleId);
}

export function unknownSchedule(id: string): LongshoreError {
  return new LongshoreError('unknown-schedule', `there is no schedule ${quoted(id)}`);
}

/** Lists are a little behind: one may have been deleted meanwhile. */
function unlessGone(error: unknown): null {
  if (error instanceof LongshoreError && error.code === 'unknown-schedule') return null;
  throw error;
}

async function translating<T>(call: () => Promise<T>, id = ''): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) throw unknownSchedule(id);
    if (error instanceof ScheduleAlreadyRunning) {
      throw new LongshoreError('schedule-state', `there is a schedule ${quoted(id)} already`);
    }
    // What the server finds at fault in a schedule's times, such as a zone that it does not know.
    if (error instanceof TypeError && error.cause === undefined) {
      throw new LongshoreError('invalid-request', `Temporal refuses it: ${error.message}`, { cause: error });
    }
    throw translateTemporal(error);
  }
}
