import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionLike } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import type { Sql } from '../db/sql.ts';
import { LongshoreError } from '../errors.ts';
import type { ProgressLog } from '../runtime/logger.ts';
import type { Installation } from './installation.ts';
import { activityQueue } from './names.ts';
import { SEEN_EVERY_MS, tokenOf } from './process-registry.ts';

/**
 * Two databases with one installation ID on one Temporal, such as a database and its copy, would take each other's
 * workflows and write them into the wrong tables. Who starts therefore looks who else polls the installation's queues:
 *
 *   polls, and the ledger has seen it about as late ── works on this database, or is dead
 *   polls, and the ledger has not ── watched: it polls again, and the ledger still has not seen it ── a stranger
 *                                            └ it does not for longer than a poll lasts ── dead
 *
 * Times of Temporal are only held against each other, and against the ledger's with a wide margin.
 */
export interface StrangerTimes {
  /** Between the ledger's last word of a process and Temporal's. */
  readonly marginMs: number;
  /** Longer than a poll lasts. */
  readonly watchMs: number;
  /** After a poll, the ledger has to hear of its process within this time. */
  readonly graceMs: number;
  readonly lookEveryMs: number;
}

const TIMES: StrangerTimes = {
  marginMs: 3 * SEEN_EVERY_MS,
  watchMs: 70_000,
  graceMs: 1.5 * SEEN_EVERY_MS,
  lookEveryMs: 500,
};

export interface StrangerOptions {
  readonly connection: Pick<ConnectionLike, 'workflowService'>;
  readonly namespace: string;
  readonly db: Sql;
  readonly installation: Installation;
  readonly log: ProgressLog;
  readonly times?: Partial<StrangerTimes>;
}

/** @throws LongshoreError `installation-conflict` when another database's processes serve the installation's queues */
export async function refuseStrangers(options: StrangerOptions): Promise<void> {
  const times = { ...TIMES, ...options.times };
  const first = await lookAround(options, times.marginMs);
  const watched = new Map(first.map((poller) => [poller.identity, poller]));
  if (watched.size > 0) {
    options.log.info(
      `Waiting to see whether ${[...watched.keys()].map(nameOf).join(', ')} still runs, of which this database knows nothing`,
    );
  }
  const until = Date.now() + times.watchMs;
  const polledAgain = new Map<string, number>();
  while (watched.size > 0 && Date.now() < until) {
    await sleep(times.lookEveryMs);
    const now = new Map((await lookAround(options, times.marginMs)).map((one) => [one.identity, one]));
    for (const [identity, before] of watched) {
      const poller = now.get(identity);
      if (poller === undefined || (poller.seenAtMs ?? 0) > (before.seenAtMs ?? 0)) {
        watched.delete(identity);
        continue;
      }
      if (poller.polledAtMs <= before.polledAtMs) {
        // Longer ago than any poll lasts.
        if (Date.now() - poller.polledAtMs > times.watchMs) watched.delete(identity);
        continue;
      }
      const since = polledAgain.get(identity) ?? Date.now();
      polledAgain.set(identity, since);
      if (Date.now() - since >= times.graceMs) throw conflict(options.installation, identity);
    }
  }
}

/** Pollers that work on another database, or are dead, or could not reach the ledger for a while. */
export async function findStrangers(options: StrangerOptions): Promise<readonly string[]> {
  const found = await lookAround(options, TIMES.marginMs);
  return found.map(({ identity }) => nameOf(identity));
}

interface Poller {
  readonly identity: string;
  readonly polledAtMs: number;
  /** null: the ledger has never heard of it. */
  readonly seenAtMs: number | null;
}

async function lookAround(
  { connection, namespace, db, installation }: StrangerOptions,
  marginMs: number,
): Promise<readonly Poller[]> {
  const { TaskQueueType } = proto.temporal.api.enums.v1;
  const asked = [
    { name: installation.queue, type: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW },
    { name: activityQueue(installation.queue), type: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY },
  ];
  const answers = await Promise.all(
    asked.map(({ name, type }) =>
      connection.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name },
        taskQueueType: type,
      }),
    ),
  );
  const polled = new Map<string, number>();
  for (const { identity, lastAccessTime } of answers.flatMap(({ pollers }) => pollers ?? [])) {
    const at = optionalTsToMs(lastAccessTime) ?? 0;
    if (identity) polled.set(identity, Math.max(at, polled.get(identity) ?? 0));
  }
  const seen = await db.query<{ token: string; at: number }>(
    `select token, (extract(epoch from seen_at) * 1000)::float8 as at from longshore.process where token = any ($1)`,
    [[...polled.keys()].map(tokenOf).filter((token) => token !== null)],
  );
  return [...polled]
    .map(([identity, polledAtMs]): Poller => {
      const seenAtMs = seen.find(({ token }) => token === tokenOf(identity))?.at ?? null;
      return { identity, polledAtMs, seenAtMs };
    })
    .filter(({ polledAtMs, seenAtMs }) => seenAtMs === null || polledAtMs - seenAtMs > marginMs);
}

/** Without the token, which means nothing to people. */
function nameOf(identity: string): string {
  return identity.replace(/ [0-9a-f]{32}$/, '');
}

function conflict({ id }: Installation, identity: string): LongshoreError {
  return new LongshoreError(
    'installation-conflict',
    `another database has the same installation ID, ${id}: ${nameOf(identity)} serves it through the same Temporal. ` +
      'Is one of the two a copy? Start the copy with an ID of its own (LONGSHORE_INSTALLATION=staging, say) and a ' +
      'storage of its own, or with another TEMPORAL_ADDRESS or TEMPORAL_NAMESPACE; or stop the other one',
  );
}
