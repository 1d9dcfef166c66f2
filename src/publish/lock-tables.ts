import { setTimeout as sleep } from 'node:timers/promises';
import type { Tx } from '../db/database.ts';
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
 * @returns the state of each table by the catalog, which no one can change any more
 * @throws LongshoreError `table-backing-up`
 */
export async function lockTables(tx: Tx, tables: readonly StagedTable[]): Promise<readonly TableState[]> {
  for (;;) {
    const before = await readStates(tx, tables);
    await tx.query('savepoint locking');
    await tx.query(`lock table ${namesOf(tables, before)} in share row exclusive mode`);
    const states = await readStates(tx, tables);
    if (neighboursOf(before) === neighboursOf(states)) {
      const changed = [
        ...tables.map(({ table }) => liveName(table)),
        ...states.flatMap((s) => s.referrers.map((r) => r.table)),
      ];
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

function namesOf(tables: readonly StagedTable[], states: readonly TableState[]): string {
  const near = states.flatMap((state) => [...state.parents, ...state.referrers.map((r) => r.table)]);
  return [...new Set([...tables.map(({ table }) => liveName(table)), ...near])].sort().join(', ');
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
  const list = [...new Set([...[...views].sort(), ...[...tables].sort()])].join(', ');
  await runPatiently(tx, `lock table ${list} in access exclusive mode`);
}

/** Runs a statement that has to wait for readers, and lets queued readers through now and then. */
export async function runPatiently(tx: Tx, statement: string): Promise<void> {
  for (let tried = 1; ; tried++) {
    await tx.query('savepoint exclusive');
    await tx.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
    try {
      await tx.query(statement);
      await tx.query('set local lock_timeout = 0');
      return;
    } catch (error) {
      if (sqlstateOf(error) !== SQLSTATE.lockNotAvailable || tried >= LOCK_TRIES) throw error;
      await tx.query('rollback to savepoint exclusive');
      await sleep(LOCK_PAUSE_MS);
    }
  }
}
