import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionLike } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import type { ProgressLog } from '../runtime/logger.ts';
import type { PayloadKeys } from '../seal/payload-keys.ts';
import { quoted } from '../shorten.ts';
import type { Installation } from './installation.ts';
import { activityQueue, processQueue } from './names.ts';
import { SEEN_EVERY_MS, tokenOf } from './process-registry.ts';
import { type ProcessStamp, readStamp } from './process-stamps.ts';

/**
 * Two databases with one installation ID on one Temporal, such as a database and its copy, would take each other's
 * workflows and write them into the wrong tables. A starting process therefore checks the stamps of processes in
 * Temporal:
 *
 *   the ledger has the stamp's time, or a later one ── works on this database, or did
 *   the ledger has not ─┬─ the time is long past ── dead
 *                       └─ watched: it has a newer stamp, which the ledger has not either ── a stranger
 *                                   └ it has no newer stamp within a process's interval ── dead
 *
 * Only stamps made with the payload key count, so that nobody without it can delay or prevent a start. All times in them
 * are of databases, whose clocks have to agree to within a minute. Other pollers of the installation's queues are logged.
 */
export interface StrangerTimes {
  /** A process with an older stamp is dead. */
  readonly freshMs: number;
  /** Longer than the interval between two stamps of a process. */
  readonly watchMs: number;
  readonly lookEveryMs: number;
}

const TIMES: StrangerTimes = { freshMs: 60_000, watchMs: 2.5 * SEEN_EVERY_MS, lookEveryMs: 500 };
/** The most pollers without a stamp that are named at a time. */
const MAX_NAMED = 10;

export interface StrangerOptions {
  readonly connection: Pick<ConnectionLike, 'workflowService'>;
  readonly namespace: string;
  readonly db: Sql;
  readonly installation: Installation;
  readonly keys: PayloadKeys;
  readonly log: ProgressLog;
  readonly times?: Partial<StrangerTimes>;
}

/** @throws LongshoreError `installation-conflict` when another database's processes serve the installation's queues */
export async function refuseStrangers(options: StrangerOptions): Promise<void> {
  const times = { ...TIMES, ...options.times };
  const watched = await findStrangers(options);
  if (watched.length === 0) return;
  options.log.info(
    `Waiting to see whether ${namesOf(watched)} still runs, of which this database knows nothing`,
  );
  const until = Date.now() + times.watchMs;
  while (Date.now() < until) {
    await sleep(times.lookEveryMs);
    const alive = (await findStrangers(options)).find(({ token, atMs }) =>
      watched.some((before) => before.token === token && before.atMs < atMs),
    );
    if (alive !== undefined) throw conflict(options.installation, alive);
  }
}

/** The newest stamp of each live process, where the ledger does not have it. */
export async function findStrangers(options: StrangerOptions): Promise<readonly ProcessStamp[]> {
  const { installation, db, keys, namespace, times } = options;
  const scope = { keys, namespace, installationId: installation.id };
  const newest = new Map<string, ProcessStamp>();
  for (const identity of await pollersOf(options, [processQueue(installation.queue), 'activities'])) {
    const stamp = readStamp(scope, identity);
    if (stamp === null || stamp.atMs <= (newest.get(stamp.token)?.atMs ?? 0)) continue;
    newest.set(stamp.token, stamp);
  }
  // The ledger is read after Temporal: it has each stamp of its own processes before Temporal does.
  const { seen, now } = await readSeen(db, [...newest.keys()]);
  const freshMs = times?.freshMs ?? TIMES.freshMs;
  return [...newest.values()].filter(
    ({ token, atMs }) => atMs > (seen.get(token) ?? 0) && atMs > now - freshMs,
  );
}

/**
 * Pollers of the installation's queues that its ledger does not know. They have no payload key, or have shown no stamp:
 * they can take tasks away, but their answers are refused.
 */
export async function findUnknownPollers(options: StrangerOptions): Promise<readonly string[]> {
  const { installation, db } = options;
  const found = await Promise.all([
    pollersOf(options, [installation.queue, 'workflows']),
    pollersOf(options, [installation.queue, 'activities']),
    pollersOf(options, [activityQueue(installation.queue), 'activities']),
  ]);
  const identities = [...new Set(found.flat())];
  const { seen } = await readSeen(
    db,
    identities.map(tokenOf).filter((token) => token !== null),
  );
  return identities.filter((identity) => !seen.has(tokenOf(identity) ?? '')).slice(0, MAX_NAMED);
}

/** Names for people, without the tokens, which mean nothing to them. */
export function namesOf(found: readonly (ProcessStamp | string)[]): string {
  return found
    .map((one) => (typeof one === 'string' ? quoted(one.replace(/ [0-9a-f]{32}$/, '')) : one.process))
    .join(', ');
}

async function pollersOf(
  { connection, namespace }: StrangerOptions,
  [queue, kind]: readonly [queue: string, kind: 'workflows' | 'activities'],
): Promise<readonly string[]> {
  const { TaskQueueType } = proto.temporal.api.enums.v1;
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: queue },
    taskQueueType:
      kind === 'workflows' ? TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW : TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
  });
  return (pollers ?? []).flatMap(({ identity }) => identity || []);
}

const READ_SEEN = statement<{ token: string | null; at: number | null; now: number }>`
  select p.token, floor(extract(epoch from p.seen_at) * 1000)::float8 as at,
         (extract(epoch from clock_timestamp()) * 1000)::float8 as now
    from (values (1)) one left join longshore.process p on p.token = any ($1)`;

/** When the processes with these tokens last reported to the ledger, and its present time. */
async function readSeen(
  db: Sql,
  tokens: readonly string[],
): Promise<{ readonly seen: ReadonlyMap<string, number>; readonly now: number }> {
  const rows = await db.query(READ_SEEN, [tokens]);
  const seen = new Map(rows.flatMap(({ token, at }) => (token === null ? [] : [[token, at ?? 0] as const])));
  return { seen, now: rows[0]!.now };
}

function conflict({ id }: Installation, { process }: ProcessStamp): LongshoreError {
  return new LongshoreError(
    'installation-conflict',
    `another database has the same installation ID, ${id}: ${process} serves it through the same Temporal. ` +
      'Is one of the two a copy? Start the copy with an ID of its own (LONGSHORE_INSTALLATION=staging, say) and a ' +
      'storage of its own, or with another TEMPORAL_ADDRESS or TEMPORAL_NAMESPACE; or stop the other one',
  );
}
