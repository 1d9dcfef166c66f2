import type { Sql } from '../db/sql.ts';
import { keysOf } from '../dictionary/unique-keys.ts';
import { KEPT_REJECTS } from '../max-rejects.ts';
import { dropRejects, KEEP_FAULTY } from '../rejects/kept-rejects.ts';
import type { LoadMode, Table } from '../types.ts';
import { rejectByCatalog } from './check-catalog.ts';
import { rejectDuplicates, rejectHeld, rejectTaken } from './check-keys.ts';
import {
  referencesItself,
  rejectBrokenReferences,
  rejectReferredTo,
  watchersOf,
} from './check-references.ts';
import { fillAbsent, rejectLacking } from './fill-absent.ts';
import type { RowsToCheck } from './reject-rows.ts';
import { stageName } from './stage.ts';

/**
 * Checks a load's stage.
 * @param absent fields that the file of a merge does not have
 * @returns how many rows left it and became rejects of the load
 */
export async function checkStage(
  tx: Sql,
  table: Table,
  mode: LoadMode,
  loadId: number,
  keep = KEPT_REJECTS,
  absent: readonly string[] = [],
): Promise<number> {
  const stage = stageName(loadId);
  await tx.query(`set local work_mem = '64MB'`);
  await tx.query(`analyze ${stage}`);
  const rows: RowsToCheck = {
    table: stage,
    keep: KEEP_FAULTY,
    values: [loadId, keep],
    absent: absent.map((name) => ({ name, where: 'true' })),
    sameAs: 'is the same as on line',
  };
  const rejected = await checkRows(tx, table, mode, rows);
  const byCatalog = await rejectByCatalog(tx, table, mode, rows);
  await dropRejects(tx, loadId, keep);
  return rejected + byCatalog;
}

/**
 * Checks the rules that involve several rows, by set-based statements. They apply to the final state of the table:
 * keys have to be unique and references to hold then, whatever the order of rows. Rows that break one leave their table
 * and become rejects, in the transaction of the caller:
 *
 * 0. in a merge, rows that would be inserted without a field that is required. From here on the fields that a row lacks
 *    have the table's values.
 * 1. references that exist nowhere,
 * 2. the primary key, then each unique key: of the rows with a key the first stays; a key that the table has
 *    already is refused by `append`, and by `merge` unless the merge itself gives the row that has it another one.
 *    A row that left before occupies no key, and changes no row.
 * 3. in a merge, removed values to which rows refer that it does not change.
 *
 * A row that leaves can invalidate others (a self reference to it, a value that it would have given up), so everything
 * is repeated until no more rows leave.
 *
 * @returns how many rows left
 */
export async function checkRows(tx: Sql, table: Table, mode: LoadMode, rows: RowsToCheck): Promise<number> {
  const watchers = mode === 'merge' ? await watchersOf(tx, table) : [];
  const again = referencesItself(table) || watchers.length > 0;
  await fillAbsent(tx, table, rows.table, rows.absent);
  let total = await rejectLacking(tx, table, rows, rows.absent);
  for (;;) {
    let left = await rejectBrokenReferences(tx, table, mode, rows);
    left += await rejectSameKeys(tx, table, mode, rows);
    left += await rejectReferredTo(tx, table, rows, watchers);
    total += left;
    if (left === 0 || !again) return total;
  }
}

async function rejectSameKeys(tx: Sql, table: Table, mode: LoadMode, rows: RowsToCheck): Promise<number> {
  const keys = keysOf(table);
  let left = 0;
  for (const [nth, key] of keys.entries()) {
    left += await rejectDuplicates(tx, rows, key);
    if (mode === 'append') left += await rejectTaken(tx, table, rows, key);
    // A row rejected for one key frees no value of earlier ones.
    if (mode === 'merge' && nth > 0) left += await rejectHeld(tx, table, rows, keys.slice(1, nth + 1));
  }
  return left;
}
