import { setTimeout as sleep } from 'node:timers/promises';
import type { Tx } from '../db/database.ts';
import { LET_THROUGH, tableLocked, withinLockTime } from '../db/lock-holders.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { liveName, readTableState, type StagedTable, type TableState } from '../tables/table-state.ts';
import { lockForPublishing } from './reading-lock.ts';

/** Readers queue behind a waiting exclusive lock: it gives up quickly, lets them through, and retries. */
const LOCK_TIMEOUT_MS = 1_000;
const LOCK_PAUSE_MS = 500;
const LOCK_TRIES = 400;

/**
 * Locks tables whose rows are to be replaced, those that they reference and those that reference them, against
 * writers, in one go and in the order of names, so that two publishes never wait for each other.
 *
 * It waits for some seconds only, since it holds a worker's slot, and whoever comes later queues behind it.
 *
 * @returns the state of each table by the catalog, which no one can change any more
 * @throws LongshoreError `table-backing-up`, `table-locked`
 */
export async function lockTables(tx: Tx, tables: readonly StagedTable[]): Promise<readonly TableState[]> {
  const lives = tables.map(({ table }) => liveName(table));
  for (;;) {
    // Reading a table's state needs a lock as well.
    const before = await withinLockTime(tx, lives, 'access share', () => readStates(tx, tables));
    await tx.query('savepoint locking');
    const names = namesOf(tables, before);
    await withinLockTime(tx, names, 'share row exclusive', () =>
      tx.query(`lock table ${names.join(', ')} in share row exclusive mode`),
    );
    const states = await readStates(tx, tables);
    if (neighboursOf(before) === neighboursOf(states)) {
      const changed = [...lives, ...states.flatMap((s) => s.referrers.map((r) => r.table))];
      await lockForPublishing(tx, changed);
      return states;
    }
    await tx.query('rollback to savepoint locking');
  }
}

async function readStates(tx: Tx, tables: readonly StagedTable[]): Promise<TableState[]> {
  const states: TableState[] = [];
  for (const table of tables) states.push(await readTableState(tx, table));
  return states;
}

function namesOf(tables: readonly StagedTable[], states: readonly TableState[]): readonly string[] {
  const near = states.flatMap((state) => [...state.parents, ...state.referrers.map((r) => r.table)]);
  return [...new Set([...tables.map(({ table }) => liveName(table)), ...near])].sort();
}

function neighboursOf(states: readonly TableState[]): string {
  return JSON.stringify(states.map(({ parents, referrers }) => [parents, referrers]));
}

/**
 * Locks tables against readers too.
 *
 * @param tables as SQL writes them, quoted where need be
 * @param views views onto them, which are locked first, in the order in which their readers lock
 */
export async function lockExclusively(
  tx: Tx,
  tables: readonly string[],
  views: readonly string[] = [],
): Promise<void> {
  const list = [...new Set([...[...views].sort(), ...[...tables].sort()])];
  await runPatiently(tx, `lock table ${list.join(', ')} in access exclusive mode`, list);
}

/**
 * Runs a statement that has to wait for readers, and lets queued readers through now and then.
 *
 * @param relations what it locks exclusively; as SQL writes them, quoted where need be
 * @throws LongshoreError `table-locked`
 */
export async function runPatiently(tx: Tx, statement: string, relations: readonly string[]): Promise<void> {
  for (let tried = 1; ; tried++) {
    await tx.query('savepoint exclusive');
    await tx.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
    try {
      await tx.query(statement);
      await tx.query('set local lock_timeout to default');
      return;
    } catch (error) {
      if (sqlstateOf(error) !== SQLSTATE.lockNotAvailable) throw error;
      await tx.query(LET_THROUGH);
      if (tried >= LOCK_TRIES) throw await tableLocked(tx, relations, 'access exclusive', error);
      await sleep(LOCK_PAUSE_MS);
    }
  }
}
