import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  type ScheduleDescription,
  type ScheduleHandle,
  type ScheduleOptionsAction,
  ScheduleOverlapPolicy,
  type ScheduleUpdateOptions,
} from '@temporalio/client';
import { readRetention } from '../backups/apply-retention.ts';
import type { BackupKeys } from '../backups/backup-keys.ts';
import type { Database } from '../db/database.ts';
import { asDatabaseError } from '../db/database-error.ts';
import type { DictionaryBook } from '../dictionary/dictionary-book.ts';
import { LongshoreError } from '../errors.ts';
import type { Installation } from '../installation/installation.ts';
import { messageOf } from '../runtime/log-fields.ts';
import { quoted } from '../shorten.ts';
import type { Storage } from '../storage/storage.ts';
import { KIND_ATTRIBUTE } from '../temporal/search-attributes.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import { codeMarkdown } from '../temporal/ui-markdown.ts';
import { RUN_SCHEDULE, type RunScheduleInput } from './contract.ts';
import { inputOf, type ScheduleReader, scheduleView, unreadSchedule } from './read-schedule.ts';
import { type NewSchedule, type ScheduleChange, scheduleIdSchema } from './schedule.ts';
import { type ScheduleBook, temporalIdOf, type Wanted } from './schedule-book.ts';
import type { ScheduleKey } from './schedule-rows.ts';
import type { ScheduleService, ScheduleView, StartedRun } from './schedule-service.ts';
import { changedSpec, specOf, timezoneOf } from './schedule-spec.ts';

/** A run that was due while the machine was off is made up for within this time. */
const CATCHUP = '1 day';
const TRIGGER_LOOKS = 50;
const TRIGGER_LOOK_MS = 100;
/** Past runs in lists; a single schedule shows all that Temporal remembers. */
const RUNS_IN_LISTS = 1;
/** Each takes some connections to PostgreSQL, which others need as well. */
const LISTED_AT_ONCE = 4;

export interface TemporalSchedulesDeps extends ScheduleReader {
  readonly client: Client;
  readonly db: Database;
  readonly installation: Installation;
  readonly book: ScheduleBook;
  readonly storage: Storage;
  readonly dictionary: Pick<DictionaryBook, 'look' | 'now'>;
  readonly backupKeys: BackupKeys;
}

/** The schedule service over Temporal Schedules. */
export function createTemporalSchedules(deps: TemporalSchedulesDeps): ScheduleService {
  const { client, db, installation, storage, backupKeys, book } = deps;
  const keyOf = (id: string): ScheduleKey => {
    if (scheduleIdSchema.safeParse(id).success) return { kind: 'runs', id };
    throw unknownSchedule(id);
  };
  const described = async (id: string) => {
    const found = await translating(() => book.find(keyOf(id)));
    if (found === null) throw unknownSchedule(id);
    return found;
  };
  const view = async (id: string) => scheduleView(deps, id, await described(id));
  const change = async (id: string, to: (before: ScheduleDescription) => ScheduleUpdateOptions) => {
    if (!(await translating(() => book.change(keyOf(id), to)))) throw unknownSchedule(id);
    return view(id);
  };

  const listed = async (id: string) => {
    try {
      return await scheduleView(deps, id, await described(id), RUNS_IN_LISTS);
    } catch (error) {
      const known = translateTemporal(error);
      if (known instanceof LongshoreError && known.code === 'unknown-schedule') return null;
      // Temporal or PostgreSQL is away: that is no fault of this schedule's.
      if (known instanceof LongshoreError && known.code === 'temporal-unavailable') throw known;
      if (asDatabaseError(error) !== null) throw error;
      const temporalId = temporalIdOf(installation, keyOf(id));
      return unreadSchedule({ id, temporalId }, `schedule ${id} can not be read: ${messageOf(known)}`);
    }
  };

  return {
    async list() {
      const ids = await book.ids('runs');
      const views: ScheduleView[] = [];
      for (let at = 0; at < ids.length; at += LISTED_AT_ONCE) {
        const found = await Promise.all(ids.slice(at, at + LISTED_AT_ONCE).map(listed));
        views.push(...found.filter((one) => one !== null));
      }
      return views;
    },

    get: view,

    async create(request) {
      await check(deps, request);
      const key = keyOf(request.id);
      if (!(await translating(() => book.create(key, wantedOf(installation, request))))) {
        throw new LongshoreError('schedule-state', `there is a schedule ${quoted(request.id)} already`);
      }
      return view(request.id);
    },

    async change(id, request) {
      await check(deps, request);
      return change(id, (before) => changed(installation, id, before, request));
    },

    async delete(id) {
      if (!(await translating(() => book.remove(keyOf(id))))) throw unknownSchedule(id);
    },

    setPaused: (id, paused) =>
      // Not `handle.pause()`: it would write its own note over the user's.
      change(id, ({ spec, policies, state, action }) => ({
        spec,
        policies,
        action: action as ScheduleOptionsAction,
        state: { ...state, paused },
      })),

    async trigger(id) {
      inputOf(id, await described(id));
      return trigger(client.schedule.getHandle(temporalIdOf(installation, keyOf(id))));
    },

    async retention(id) {
      const { spec, ...rest } = await described(id);
      const { retention } = inputOf(id, rest);
      const now = new Date().toISOString();
      const scope = { scheduleId: id, timezone: timezoneOf(spec), now };
      return readRetention({ db, storage, keys: backupKeys }, retention, scope);
    },
  };
}

async function check(
  { dictionary, backupKeys }: TemporalSchedulesDeps,
  { tables, encrypt }: ScheduleChange,
): Promise<void> {
  const known = (await dictionary.look()).tables;
  for (const name of tables ?? []) {
    if (known.some((table) => table.name === name)) continue;
    throw new LongshoreError('unknown-table', `the dictionary has no table ${quoted(name)}`);
  }
  if (encrypt === true && backupKeys.current === null) {
    throw new LongshoreError('backup-key-missing', 'a schedule that encrypts needs a backup key');
  }
}

function wantedOf(installation: Installation, request: NewSchedule): Wanted {
  const { id, cron, timezone, note, ...rest } = request;
  return {
    spec: specOf(cron, timezone),
    action: actionOf(installation, { ...rest, scheduleId: id, timezone }),
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCHUP },
    state: note === null ? {} : { note },
  };
}

/** The action of a schedule's runs. */
function actionOf(installation: Installation, input: RunScheduleInput): ScheduleOptionsAction {
  const what = input.tables === null ? 'all tables' : input.tables.map(codeMarkdown).join(', ');
  return {
    type: 'startWorkflow',
    workflowType: RUN_SCHEDULE,
    workflowId: temporalIdOf(installation, { kind: 'runs', id: input.scheduleId }),
    taskQueue: installation.queue,
    args: [input],
    typedSearchAttributes: [{ key: KIND_ATTRIBUTE, value: 'schedule' }],
    staticSummary: `Schedule ${input.scheduleId}: ${input.kind}`,
    staticDetails: `Schedule **${input.scheduleId}**: ${input.kind} of ${what}`,
  };
}

/** The same for arguments that may not be what Longshore wrote: they stay as they are. */
export function actionOfArgs(
  installation: Installation,
  id: string,
  args: readonly unknown[],
): ScheduleOptionsAction {
  try {
    return actionOf(installation, inputOf(id, { action: { args: [...args] } as never }));
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    return {
      type: 'startWorkflow',
      workflowType: RUN_SCHEDULE,
      workflowId: temporalIdOf(installation, { kind: 'runs', id }),
      taskQueue: installation.queue,
      args: [...args],
      staticSummary: `Schedule ${id}, whose input can not be read`,
    };
  }
}

/** The changed schedule; a pause and other settings in Temporal stay. */
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
  const before = await translating(() => handle.describe());
  const [running] = before.info.runningActions;
  if (running !== undefined) {
    throw new LongshoreError('schedule-state', `the run ${running.workflow.workflowId} is under way`);
  }
  const known = new Set(before.info.recentActions.map(({ action }) => action.workflow.firstExecutionRunId));
  await translating(() => handle.trigger(ScheduleOverlapPolicy.SKIP));
  for (let look = 0; look < TRIGGER_LOOKS; look++) {
    const { info } = await translating(() => handle.describe());
    const started = info.recentActions.find(({ action }) => !known.has(action.workflow.firstExecutionRunId));
    if (started !== undefined) {
      const { workflowId, firstExecutionRunId } = started.action.workflow;
      return { workflowId, runId: firstExecutionRunId };
    }
    await sleep(TRIGGER_LOOK_MS);
  }
  return null;
}

export function unknownSchedule(id: string): LongshoreError {
  return new LongshoreError('unknown-schedule', `there is no schedule ${quoted(id)}`);
}

async function translating<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    // The server refused a schedule's times, such as a zone that it does not know.
    if (error instanceof TypeError && error.cause === undefined) {
      throw new LongshoreError('invalid-request', `Temporal refuses it: ${error.message}`, { cause: error });
    }
    throw translateTemporal(error);
  }
}
