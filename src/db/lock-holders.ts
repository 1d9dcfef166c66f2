import { setTimeout as sleep } from 'node:timers/promises';
import { LongshoreError } from '../errors.ts';
import { shorten } from '../shorten.ts';
import type { Sql } from './sql.ts';
import { SQLSTATE, sqlstateOf } from './sqlstate.ts';

type Query = Pick<Sql, 'query'>;

/** Locks of tables, as LOCK names them. */
export type TableLock = 'access share' | 'row exclusive' | 'share row exclusive' | 'access exclusive';

const SHARES = ['AccessShareLock', 'RowShareLock'] as const;
const WRITES = ['RowExclusiveLock', 'ShareUpdateExclusiveLock'] as const;
const STRONG = ['ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'] as const;

/** What each conflicts with (PostgreSQL, "Table-Level Locks"). */
const CONFLICTS: Readonly<Record<TableLock, readonly string[]>> = {
  'access share': ['AccessExclusiveLock'],
  'row exclusive': STRONG,
  'share row exclusive': [...WRITES, ...STRONG],
  'access exclusive': [...SHARES, ...WRITES, ...STRONG],
};

/** How long work waits for a lock at most before it says so, gives up its connection and tries again. */
export const LOCK_WAIT_MS = 5_000;

/**
 * Runs statements that lock tables, and gives up when they wait too long: the savepoint is rolled back then, so that the
 * transaction can still say why.
 *
 * @param tables as SQL writes them, quoted where need be
 * @throws LongshoreError `table-locked`, which is retryable
 */
export async function withinLockTime<T>(
  tx: Query,
  tables: readonly string[],
  lock: TableLock,
  work: () => Promise<T>,
): Promise<T> {
  await tx.query(`savepoint waiting_for_lock; set local lock_timeout = ${LOCK_WAIT_MS}`);
  try {
    const result = await work();
    await tx.query('release savepoint waiting_for_lock; set local lock_timeout to default');
    return result;
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.lockNotAvailable) throw error;
    await tx.query('rollback to savepoint waiting_for_lock');
    throw await tableLocked(tx, tables, lock, error);
  }
}

/**
 * The error for a wait that ended without the lock; names who holds it at present, if anybody does.
 *
 * @param tables as SQL writes them, quoted where need be
 */
export async function tableLocked(
  sql: Query,
  tables: readonly string[],
  lock: TableLock,
  cause?: unknown,
): Promise<LongshoreError> {
  const by = await lockedBy(sql, tables, lock).catch(() => null);
  const message = by ?? `${tables.join(', ')} was locked by another session`;
  return new LongshoreError('table-locked', message, { cause });
}

/** @returns which of the tables somebody has locked so that this lock has to wait, and who; null: none */
export async function lockedBy(
  sql: Query,
  tables: readonly string[],
  lock: TableLock,
): Promise<string | null> {
  return sayHolders(await sql.query<Holder & Record<string, unknown>>(HOLDERS, [tables, CONFLICTS[lock]]));
}

/** The last statement of a session that waits for a lock and, between two tries, lets others through for a moment. */
export const LET_THROUGH = 'rollback to savepoint exclusive';
const LOOK_AGAIN_MS = 200;
const LOOKS = 5;

/** @returns whom the sessions of these names wait for at this moment; null: none of them waits for a lock */
export async function lockWaits(sql: Query, names: readonly string[]): Promise<string | null> {
  if (names.length === 0) return null;
  for (let look = 1; ; look++) {
    const waits = sayHolders(await sql.query<Holder & Record<string, unknown>>(WAITS, [names]));
    if (waits !== null || look === LOOKS) return waits;
    const pausing = await sql.query(PAUSING, [names, LET_THROUGH]);
    if (pausing.length === 0) return null;
    await sleep(LOOK_AGAIN_MS);
  }
}

const PAUSING = `
  select from pg_stat_activity
   where datname = current_database() and application_name = any ($1) and query = $2 and state = 'idle in transaction'`;

interface Holder {
  /** null: it is no lock of a table. */
  readonly table: string | null;
  /** null: of a transaction that is prepared. */
  readonly pid: number | null;
  readonly application: string | null;
  readonly role: string | null;
  readonly mode: string | null;
  readonly granted: boolean;
  readonly seconds: number | null;
  readonly state: string | null;
}

const SESSION = `h.application_name as application, h.usename::text as role, h.state,
       extract(epoch from clock_timestamp() - coalesce(h.xact_start, h.query_start))::int as seconds`;

/** Those that have it before those that wait for it themselves, the longest first. No text of a statement is read. */
const HOLDERS = `
  select c.relname::text as "table", l.pid, l.mode, l.granted, ${SESSION}
    from unnest($1::text[]) t (name)
    join pg_class c on c.oid = to_regclass(t.name)
    join pg_locks l on l.relation = c.oid and l.locktype = 'relation'
     and l.database = (select oid from pg_database where datname = current_database())
    left join pg_stat_activity h on h.pid = l.pid
   where l.mode = any ($2) and l.pid is distinct from pg_backend_pid()
   order by l.granted desc, h.xact_start, l.pid limit 3`;

const WAITS = `
  select distinct on (h.pid)
         (select c.relname::text from pg_locks l join pg_class c on c.oid = l.relation
           where l.pid = w.pid and not l.granted limit 1) as "table",
         blocking.pid, null as mode, true as granted, ${SESSION}
    from pg_stat_activity w
   cross join lateral unnest(pg_blocking_pids(w.pid)) blocking (pid)
    left join pg_stat_activity h on h.pid = blocking.pid
   where w.datname = current_database() and w.application_name = any ($1) and w.wait_event_type = 'Lock'
   order by h.pid limit 3`;

function sayHolders(holders: readonly Holder[]): string | null {
  if (holders.length === 0) return null;
  const [{ table }] = holders as readonly [Holder];
  const granted = holders.filter((holder) => holder.granted);
  const who = (granted.length > 0 ? granted : holders).map(sayHolder).join(', ');
  const what = table === null ? 'a lock' : table;
  return granted.length > 0 ? `${what} is locked by ${who}` : `${what} is waited for by ${who}`;
}

function sayHolder({ pid, application, role, mode, seconds, state }: Holder): string {
  if (pid === null || pid === 0) return 'a prepared transaction (pg_prepared_xacts)';
  const facts = [
    application ? shorten(application, 63) : null,
    role === null ? null : `role ${role}`,
    mode,
    state,
    seconds === null ? null : `for ${seconds} s`,
  ].filter((fact) => fact !== null);
  return `process ${pid} (${facts.join(', ')})`;
}
