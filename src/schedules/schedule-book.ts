import { isDeepStrictEqual } from 'node:util';
import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleDescription,
  ScheduleNotFoundError,
  type ScheduleOptions,
  type ScheduleOptionsAction,
  type ScheduleSpec,
  type ScheduleUpdateOptions,
} from '@temporalio/client';
import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { LongshoreError } from '../errors.ts';
import type { Installation } from '../installation/installation.ts';
import { nameIn } from '../installation/names.ts';
import { REFRESH_ON_SCHEDULE } from '../reports/contract.ts';
import { messageOf } from '../runtime/log-fields.ts';
import { listingClient } from '../seal/listing-client.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import { TIDY_LEDGER } from '../tidy/contract.ts';
import { RUN_SCHEDULE } from './contract.ts';
import type { ScheduleDefinition, ScheduleSort, SeenInTemporal } from './schedule-definition.ts';
import {
  buryScheduleRow,
  readScheduleRow,
  readScheduleRows,
  type ScheduleKey,
  type ScheduleRow,
  writeSchedule,
} from './schedule-rows.ts';

/**
 * Keeps schedules in two places: Temporal runs them, and the ledger has all that is needed to make them again. Where the
 * two differ:
 *
 *   only in the ledger                    Temporal has lost it: made again, with its pause
 *   not sealed in Temporal                somebody without the payload key made it: ignored
 *   only in Temporal                      the ledger has lost it: recorded
 *   the ledger has it as deleted          Temporal came back from an older copy: deleted again
 *   the ledger's change is pending        the process died between the two: made in Temporal
 *   else: changed in Temporal             people did so there, in its Web UI or command line: recorded; but when
 *                                         Temporal is older than when it was last seen: rewritten from here
 *
 * A change is recorded first, as pending, then made in Temporal, then confirmed. Deletions leave a tombstone. So a
 * schedule that was deleted in Temporal comes back: schedules are deleted through the API.
 */
export interface ScheduleBookDeps {
  readonly client: Client;
  readonly db: Database;
  readonly installation: Installation;
  readonly log: Logger;
}

export type Wanted = Omit<ScheduleOptions, 'scheduleId' | 'action'> & {
  readonly action: ScheduleOptionsAction;
};

/** Makes the action that starts a run's workflow, from its arguments and the schedule's ID. */
type ScheduleActions = Readonly<
  Record<ScheduleSort, (args: readonly unknown[], id: string) => ScheduleOptionsAction>
>;

const TYPES: Readonly<Record<ScheduleSort, string>> = {
  runs: RUN_SCHEDULE,
  report: REFRESH_ON_SCHEDULE,
  tidy: TIDY_LEDGER,
};
const SORTS = Object.keys(TYPES) as readonly ScheduleSort[];
/** Compared properties; without the remaining runs, which each run changes. */
const COMPARED = ['spec', 'args', 'policies', 'paused', 'note'] as const;
const PREFIXES: Readonly<Record<ScheduleSort, string>> = {
  runs: 'schedule-',
  report: 'report-',
  tidy: 'tidy-',
};

/** The schedule's ID in Temporal; its runs have the time behind it. */
export function temporalIdOf(
  { id: installation }: Pick<Installation, 'id'>,
  { kind, id }: ScheduleKey,
): string {
  return nameIn(installation, PREFIXES[kind] + id);
}

export class ScheduleBook {
  readonly #deps: ScheduleBookDeps;
  readonly #actions: ScheduleActions;

  constructor(deps: ScheduleBookDeps, actions: ScheduleActions) {
    this.#deps = deps;
    this.#actions = actions;
  }

  /** IDs of those that are there. */
  async ids(kind: ScheduleSort): Promise<readonly string[]> {
    const rows = await readScheduleRows(this.#deps.db);
    return rows.filter((row) => row.kind === kind && row.deletedAt === null).map(({ id }) => id);
  }

  /** The schedule in Temporal, after reconciliation; null when there is none. */
  async find(key: ScheduleKey): Promise<ScheduleDescription | null> {
    const [row, described] = await Promise.all([readScheduleRow(this.#deps.db, key), this.#describe(key)]);
    if (row?.deletedAt === null && described !== null && !row.pending) return described;
    return this.#alone(key, () => this.#settle(key));
  }

  /** @returns false when there is one already. @throws what Temporal throws; then there is none */
  async create(key: ScheduleKey, wanted: Wanted): Promise<boolean> {
    const { db } = this.#deps;
    return this.#alone(key, async () => {
      if ((await this.#settle(key)) !== null) return false;
      await writeSchedule(db, key, definitionOf(wanted), null);
      try {
        await this.#push(key);
      } catch (error) {
        // If it was made all the same, it is deleted when Temporal is back.
        await buryScheduleRow(db, key);
        throw error;
      }
      return true;
    });
  }

  /** @returns false when there is none. @throws what Temporal throws; then it is as it was */
  async change(
    key: ScheduleKey,
    to: (before: ScheduleDescription) => ScheduleUpdateOptions,
  ): Promise<boolean> {
    const { db } = this.#deps;
    return this.#alone(key, async () => {
      const before = await this.#settle(key);
      if (before === null) return false;
      await writeSchedule(db, key, definitionOf(to(before)), null);
      try {
        await this.#push(key);
      } catch (error) {
        await writeSchedule(db, key, definitionOf(before), seenOf(before));
        throw error;
      }
      return true;
    });
  }

  /** @returns false when there is none. Temporal may be updated later. */
  async remove(key: ScheduleKey): Promise<boolean> {
    return this.#alone(key, async () => {
      const row = await readScheduleRow(this.#deps.db, key);
      // One that the ledger has is deleted even where it can't be read.
      if (row?.deletedAt !== null && (await this.#settle(key)) === null) return false;
      await buryScheduleRow(this.#deps.db, key);
      await this.#handle(key).delete().catch(unlessGone);
      return true;
    });
  }

  /** Reconciles both: records changes that people made in Temporal, and makes again what Temporal has lost. */
  async sync(): Promise<void> {
    const { db, log } = this.#deps;
    const rows = await readScheduleRows(db);
    const keys = new Map<string, ScheduleKey>(rows.map(({ kind, id }) => [`${kind} ${id}`, { kind, id }]));
    for (const key of await this.#listed()) keys.set(`${key.kind} ${key.id}`, key);
    for (const key of keys.values()) {
      // One schedule's error must not hold up the others.
      await this.#alone(key, () => this.#settle(key)).catch((error) => {
        const err = translateTemporal(error);
        log.warn({ schedule: key, err }, `Schedule ${key.id} could not be looked after: ${messageOf(err)}`);
      });
    }
  }

  /** @returns the schedule in Temporal afterwards; null when it is deleted */
  async #settle(key: ScheduleKey): Promise<ScheduleDescription | null> {
    const { db, log } = this.#deps;
    const [row, described] = await Promise.all([readScheduleRow(db, key), this.#describe(key)]);
    if (row === null || (row.deletedAt !== null && described && isNewer(described, row.deletedAt))) {
      if (described === null) return null;
      log.info({ schedule: key }, `Schedule ${key.id} was found in Temporal, and is in the ledger now`);
      await writeSchedule(db, key, definitionOf(described), seenOf(described));
      return described;
    }
    if (row.deletedAt !== null) {
      if (described !== null) {
        log.warn(
          { schedule: key },
          `Schedule ${key.id}, which was deleted, was in Temporal still: deleted again`,
        );
        await this.#handle(key).delete().catch(unlessGone);
      }
      return null;
    }
    if (described === null) {
      log.warn(
        { schedule: key },
        `Schedule ${key.id} was not in Temporal any more, or not as Longshore had made it: it was made again`,
      );
      return this.#push(key);
    }
    if (row.pending) return this.#push(key);
    return this.#compare(row, described);
  }

  async #compare(row: ScheduleRow, described: ScheduleDescription): Promise<ScheduleDescription> {
    const { db, log } = this.#deps;
    const now = definitionOf(described);
    const seen = seenOf(described);
    const different = COMPARED.filter((part) => !isDeepStrictEqual(now[part], row.definition[part]));
    if (different.length === 0 && isDeepStrictEqual(seen, row.seen)) return described;
    if (different.length > 0 && row.seen !== null && isBehind(seen, row.seen)) {
      log.warn(
        { schedule: row.id, different },
        `Schedule ${row.id} is an older one in Temporal, which came back from an older copy: it was put right`,
      );
      return this.#push(row);
    }
    if (different.length > 0) {
      log.info(
        { schedule: row.id, different },
        `Schedule ${row.id} was changed in Temporal: ${different.join(', ')}`,
      );
    }
    await writeSchedule(db, row, now, seen);
    return described;
  }

  /** Writes the ledger's definition to Temporal, and confirms that. */
  async #push(key: ScheduleKey): Promise<ScheduleDescription> {
    const { db } = this.#deps;
    const row = await readScheduleRow(db, key);
    const options = this.#optionsOf(key, row!.definition);
    const handle = this.#handle(key);
    try {
      await this.#deps.client.schedule.create({ scheduleId: handle.scheduleId, ...options });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      const updated = await handle.update(() => options).then(() => true, unlessUnsealed);
      if (!updated) {
        // An unsealed schedule can't even be read to be changed.
        await handle.delete().catch(unlessGone);
        await this.#deps.client.schedule.create({ scheduleId: handle.scheduleId, ...options });
      }
    }
    const described = await handle.describe();
    await writeSchedule(db, key, definitionOf(described), seenOf(described));
    return described;
  }

  #optionsOf({ kind, id }: ScheduleKey, definition: ScheduleDefinition) {
    const { spec, args, policies, paused, note, remainingActions } = definition;
    return {
      spec: withDates(spec),
      policies: policies as ScheduleOptions['policies'],
      state: {
        paused,
        ...(note !== null && { note }),
        ...(remainingActions !== null && { remainingActions }),
      },
      action: this.#actions[kind](args, id),
    };
  }

  #handle(key: ScheduleKey) {
    return this.#deps.client.schedule.getHandle(temporalIdOf(this.#deps.installation, key));
  }

  /**
   * null: Temporal has none, or one of something else with this ID, or one that somebody without the key has made or
   * changed, whose arguments are not sealed, or left out.
   */
  async #describe(key: ScheduleKey): Promise<ScheduleDescription | null> {
    const described = (await this.#handle(key).describe().catch(unlessUnsealed).catch(unlessGone)) ?? null;
    if (described?.action.workflowType !== TYPES[key.kind]) return null;
    return described.action.args?.length === 1 ? described : null;
  }

  async #listed(): Promise<readonly ScheduleKey[]> {
    const { client, installation } = this.#deps;
    const keys: ScheduleKey[] = [];
    for await (const { scheduleId, action } of listingClient(client).schedule.list()) {
      for (const kind of SORTS) {
        const prefix = temporalIdOf(installation, { kind, id: '' });
        if (action?.workflowType !== TYPES[kind] || !scheduleId.startsWith(prefix)) continue;
        keys.push({ kind, id: scheduleId.slice(prefix.length) });
      }
    }
    return keys;
  }

  /** Serializes work on one schedule across all processes. */
  async #alone<T>({ kind, id }: ScheduleKey, work: () => Promise<T>): Promise<T> {
    return this.#deps.db.transaction(async (tx) => {
      const lock = `longshore schedule ${kind} ${id}`;
      await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [lock]);
      return work();
    });
  }
}

/** The definition as JSON, so that Temporal's and the ledger's can be compared. */
function definitionOf(from: {
  readonly spec: unknown;
  readonly action: { readonly args?: unknown };
  readonly policies?: unknown;
  readonly state?: { readonly paused?: boolean; readonly note?: string; readonly remainingActions?: number };
}): ScheduleDefinition {
  const { spec, action, policies = {}, state } = from;
  const json = {
    spec,
    args: action.args ?? [],
    policies,
    paused: state?.paused ?? false,
    note: state?.note || null,
    remainingActions: state?.remainingActions ?? null,
  };
  return JSON.parse(JSON.stringify(json)) as ScheduleDefinition;
}

function withDates(spec: ScheduleDefinition['spec']): ScheduleSpec {
  const { startAt, endAt, ...rest } = spec;
  return {
    ...rest,
    ...(typeof startAt === 'string' && { startAt: new Date(startAt) }),
    ...(typeof endAt === 'string' && { endAt: new Date(endAt) }),
  };
}

function seenOf({ info, raw }: ScheduleDescription): SeenInTemporal {
  return {
    createdAtMs: info.createdAt.getTime(),
    updatedAtMs: (info.lastUpdatedAt ?? info.createdAt).getTime(),
    actions: info.numActionsTaken,
    revision: revisionOf(raw.conflictToken),
  };
}

/**
 * Temporal's conflict token of a schedule is the number of its changes, in eight bytes. Its documentation calls it
 * opaque, so any other form is ignored.
 */
function revisionOf(token: Uint8Array | null | undefined): number | null {
  if (token?.length !== 8) return null;
  return Number(Buffer.from(token).readBigInt64BE());
}

function isBehind(now: SeenInTemporal, seen: SeenInTemporal): boolean {
  return (
    now.createdAtMs < seen.createdAtMs ||
    (now.createdAtMs === seen.createdAtMs &&
      (now.updatedAtMs < seen.updatedAtMs ||
        now.actions < seen.actions ||
        (now.revision ?? Infinity) < (seen.revision ?? 0)))
  );
}

/** Whether it was made again, not through the API, after it had been deleted. */
function isNewer({ info }: ScheduleDescription, deletedAt: Date): boolean {
  return info.createdAt > deletedAt;
}

function unlessUnsealed(error: unknown): undefined {
  if (!(error instanceof LongshoreError && error.code === 'payload-refused')) throw error;
}

function unlessGone(error: unknown): undefined {
  if (!(error instanceof ScheduleNotFoundError)) throw error;
}
