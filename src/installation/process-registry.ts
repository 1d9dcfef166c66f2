import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { ConnectionLike } from '@temporalio/client';
import { sql } from 'kysely';
import { CLOCK } from '../db/ledger-queries.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { processQueue } from './names.ts';
import { type StampScope, stampText } from './process-stamps.ts';

/**
 * Each process of an installation reports periodically to the ledger, and then, with the time that the ledger recorded,
 * to Temporal: a process with a time there that the ledger does not have works on another database.
 */
export interface RegisteredProcess extends AsyncDisposable {
  /** What Temporal shows of the process's workers; ends with the token. */
  readonly identity: string;
  readonly token: string;
}

export interface RegisterOptions extends StampScope {
  readonly connection: Pick<ConnectionLike, 'workflowService' | 'withDeadline' | 'withAbortSignal'>;
  readonly db: Sql;
  /** Task queue of the installation's workflows. */
  readonly queue: string;
  /** `api`, `worker-1` … */
  readonly name: string;
  /** Hash of the dictionary's file that it was started with. */
  readonly dictionaryHash?: string | null;
}

export const SEEN_EVERY_MS = 10_000;
/** Temporal complains of polls that end sooner. */
const POLL_MS = 25_000;
/** How long rows of dead processes are kept; Temporal forgets them after five minutes. */
const KEPT = '1 day';

/** Milliseconds since the epoch, as `readSeen` gives them. */
const SEEN_AT = sql<number>`floor(extract(epoch from seen_at) * 1000)::float8`.as('at');

export async function registerProcess(options: RegisterOptions): Promise<RegisteredProcess> {
  const { db, name } = options;
  const token = randomBytes(16).toString('hex');
  const host = hostname();
  const shown = `${process.pid}@${host} ${name.replaceAll(/\s/g, '-')}`;
  const ended = new AbortController();
  const seen = async () => {
    const { at } = await db.ledger
      .insertInto('process')
      .values({ token, name, host, pid: process.pid, dictionary_hash: options.dictionaryHash ?? null })
      .onConflict((conflict) => conflict.column('token').doUpdateSet({ seen_at: CLOCK }))
      .returning(SEEN_AT)
      .executeTakeFirstOrThrow();
    const stamp = stampText(options, { process: shown, token, atMs: at });
    void show(options, stamp, ended.signal);
  };
  await seen();
  await db.ledger.deleteFrom('process').where('seen_at', '<', sql<Date>`now() - ${KEPT}::interval`).execute();
  // PostgreSQL may be away: the next report makes up for it.
  const timer = setInterval(() => void seen().catch(() => undefined), SEEN_EVERY_MS);
  return {
    token,
    identity: `${shown} ${token}`,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      ended.abort();
      // Another process takes over at once what this one has done for all. Where that can't be written, it does so later.
      await db.ledger
        .updateTable('process')
        .set({ name: `${name} (stopped)` })
        .where('token', '=', token)
        .execute()
        .catch(() => undefined);
    },
  };
}

/** How long a process that has not reported counts as alive: it may have missed a report. */
const ALIVE = '25 seconds';

/**
 * Whether a process is the one that does what one API of the installation has to do: the youngest that lives, so that an
 * API that starts does it at once, whatever became of the one before.
 */
const IS_KEEPER = statement<{ keeper: boolean }>`
  select not exists (
    select from longshore.process other join longshore.process me on me.token = $1
     where other.name = me.name and other.seen_at > clock_timestamp() - interval '${ALIVE}'
       and (other.started_at, other.token) > (me.started_at, me.token)) as keeper`;

export async function isKeeper(db: Sql, token: string): Promise<boolean> {
  const [row] = await db.query(IS_KEEPER, [token]);
  return row?.keeper ?? true;
}

/** A poll ends with its timeout, or with a task; none of our processes puts one there. */
async function show(
  { connection, namespace, queue }: RegisterOptions,
  identity: string,
  signal: AbortSignal,
): Promise<void> {
  await connection
    .withAbortSignal(signal, () =>
      connection.withDeadline(Date.now() + POLL_MS, () =>
        connection.workflowService.pollActivityTaskQueue({
          namespace,
          identity,
          taskQueue: { name: processQueue(queue) },
        }),
      ),
    )
    .catch(() => undefined);
}

/** The token at the end of an identity, if it has one. */
export function tokenOf(identity: string): string | null {
  return /(?:^| )([0-9a-f]{32})$/.exec(identity)?.[1] ?? null;
}
