import type { Tx } from '../db/database.ts';
import { refusalOf } from '../db/refusal.ts';
import { equalColumns, quoteName, quoteNames } from '../db/sql-names.ts';
import { isKeyTaken, isRowFault, SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { isRequired } from '../dictionary/partial-table.ts';
import { LongshoreError } from '../errors.ts';
import type { Referrer } from '../tables/referrers.ts';
import { columnsOf, liveName, type TableState } from '../tables/table-state.ts';
import type { LoadMode, Table } from '../types.ts';
import { brokenReference } from './check-references.ts';
import { fillAbsent } from './fill-absent.ts';
import { refuseClosed } from './gate.ts';
import { lockTables } from './lock-tables.ts';
import { mergeAsSet } from './merge-as-set.ts';
import { type PublishWay, planPublish } from './plan-publish.ts';
import { putStaged } from './put-staged.ts';
import { type Replaced, replaceTables } from './replace-tables.ts';
import { stageName } from './stage.ts';

/**
 * Publishing is optimistic: keys and references are not checked first, they are built, and PostgreSQL fails where one
 * does not hold.
 *
 *   lock ─ read the table's state ─ plan ─┬─ swap:   copy what stays ─ keys ─ references ─ rename ─┐
 *                                         └─ insert: (empty) ─ insert or upsert ──────────────────┴─ commit
 *
 * Then the transaction is rolled back and `RowsRefused` is thrown: the load finds the rows at fault (`checkStage`),
 * rejects them, and publishes again. All is one transaction: readers see the table as it was before the load, or as it
 * is after it, and nothing in between.
 *
 * Locks are taken in one go and in the order of names, so that two publishes never deadlock. They block writers of this
 * table, of the tables that it references and of those that reference it; readers wait for the renaming only. While a
 * backup reads one of the tables, or a restore has closed its gate, publishing is refused (`reading-lock.ts`,
 * `gate.ts`).
 */
export interface Published {
  readonly way: PublishWay;
  /** Rows that went in or changed a row, as PostgreSQL counts them. */
  readonly loaded: number;
  /** merge: rows that the table had already, the same in every field. */
  readonly unchanged: number;
  /** Rows that PostgreSQL accepted but did not insert: a trigger or a rule of the table keeps them out. */
  readonly discarded: number;
}

/** PostgreSQL refuses a row, or a key is there twice: `checkLoad` finds out which. */
export class RowsRefused extends Error {
  override name = 'RowsRefused';
}

/** @param absent fields that the file of a merge does not have: rows of the table keep theirs */
export async function publishStage(
  tx: Tx,
  table: Table,
  mode: LoadMode,
  loadId: number,
  stagedRows: number,
  absent: readonly string[] = [],
): Promise<Published> {
  // For the sorts and joins over whole stages that follow; far below what a PostgreSQL process may use.
  await tx.query(`set local work_mem = '64MB'`);
  const state = (await lockTables(tx, [{ table, stage: stageName(loadId) }]))[0]!;
  await refuseClosed(tx, table.name);
  // Rows without some fields are merged into the existing table, which has them.
  const way = absent.length > 0 ? 'insert' : planPublish(state, mode, stagedRows);
  try {
    await completeRows(tx, table, loadId, absent);
    const merging = mode === 'merge' && !state.empty;
    // Checked before rows leave the stage: an upsert would silently let the last row with a key win.
    if (merging) await refuseDoubleKeys(tx, table, loadId);
    const unchanged = merging ? await dropUnchanged(tx, table, loadId) : 0;
    const staged = stagedRows - unchanged;
    const put =
      way === 'swap' || mode === 'replace'
        ? await replace(tx, table, mode, loadId, state)
        : ({ way, inserted: await insert(tx, table, mode, loadId, state) } as const);
    // Deferred constraints would fail after the ledger has recorded success.
    await tx.query('set constraints all immediate');
    const inserted = put.way === 'swap' ? staged : await loadedRows(tx, table, loadId, put.inserted, state);
    const loaded = Math.min(staged, inserted);
    return { way: put.way, loaded, unchanged, discarded: staged - loaded };
  } catch (error) {
    const code = sqlstateOf(error);
    // A merge removes no row: it can break others' references only by changing a value, and such rows become rejects.
    if (mode === 'replace' && code === SQLSTATE.foreignKeyViolation && isReferrers(error, state.referrers)) {
      throw brokenReferrer(table, error);
    }
    if (isRowFault(error)) throw new RowsRefused(refusalOf(error), { cause: error });
    throw error;
  }
}

async function completeRows(tx: Tx, table: Table, loadId: number, absent: readonly string[]): Promise<void> {
  const stage = stageName(loadId);
  await fillAbsent(
    tx,
    table,
    stage,
    absent.map((name) => ({ name, where: 'true' })),
  );
  const needed = absent.filter((name) => isRequired(table, name)).map((name) => `${quoteName(name)} is null`);
  if (needed.length === 0) return;
  const lacking = await tx.query(`select from ${stage} where ${needed.join(' or ')} limit 1`);
  if (lacking.length > 0) throw new RowsRefused('a row is new and lacks a field that is required');
}

async function refuseDoubleKeys(tx: Tx, table: Table, loadId: number): Promise<void> {
  const key = quoteNames(table.primaryKey);
  const double = await tx.query(
    `select from ${stageName(loadId)} group by ${key} having count(*) > 1 limit 1`,
  );
  if (double.length > 0) throw new RowsRefused('a primary key is in the file twice');
}

/** Deletes rows from the stage that would change nothing; the row in the table keeps its lineage. */
async function dropUnchanged(tx: Tx, table: Table, loadId: number): Promise<number> {
  const key = equalColumns(table.primaryKey, 's', 't');
  const fields = table.fields.map((f) => f.name);
  const row = (alias: string) => `(${fields.map((f) => `${alias}.${quoteName(f)}`).join(', ')})`;
  const [counted] = await tx.query<{ n: number }>(
    `with gone as (
       delete from ${stageName(loadId)} s using ${liveName(table)} t
        where ${key} and ${row('s')} is not distinct from ${row('t')} returning 1)
     select count(*)::float8 as n from gone`,
  );
  return counted?.n ?? 0;
}

/** Copies the rows that stay into the stage, and swaps it for the table if there is no obstacle. */
async function replace(
  tx: Tx,
  table: Table,
  mode: LoadMode,
  loadId: number,
  state: TableState,
): Promise<Replaced> {
  const stage = stageName(loadId);
  let kept = 0;
  if (mode !== 'replace' && !state.empty) {
    const columns = quoteNames(columnsOf(table));
    const key = equalColumns(table.primaryKey, 's', 't');
    const stays = mode === 'merge' ? `where not exists (select from ${stage} s where ${key})` : '';
    kept = await tx.change(
      `insert into ${stage} (${columns}) select ${columns} from ${liveName(table)} t ${stays}`,
    );
  }
  const [replaced] = await replaceTables(tx, [{ table, stage, state }]);
  return replaced?.way === 'insert' ? { ...replaced, inserted: replaced.inserted - kept } : { way: 'swap' };
}

/** @returns how many rows PostgreSQL inserted or changed */
async function insert(
  tx: Tx,
  table: Table,
  mode: LoadMode,
  loadId: number,
  state: TableState,
): Promise<number> {
  const stage = stageName(loadId);
  if (mode === 'merge') return merge(tx, table, stage);
  const quick = !state.mustFire && table.foreignKeys.length > 0 && (await silenceTriggers(tx));
  if (!quick) return putStaged(tx, table, mode, stage);
  for (const key of table.foreignKeys) {
    const broken = await tx.query(
      `select from ${stage} s where ${brokenReference(table, mode, stage, key)} limit 1`,
    );
    if (broken.length > 0) throw new RowsRefused(`a reference by ${key.fields.join(', ')} is broken`);
  }
  const inserted = await putStaged(tx, table, mode, stage);
  await tx.query('set local session_replication_role = origin');
  return inserted;
}

/** Counts the loaded rows in the table where rewrite rules may put rows elsewhere, since PostgreSQL counts those too. */
async function loadedRows(
  tx: Tx,
  table: Table,
  loadId: number,
  inserted: number,
  state: TableState,
): Promise<number> {
  if (!state.mustFire) return inserted;
  const [ruled] = await tx.query<{ n: number }>(
    `select (select count(*) from ${liveName(table)} where _load_id = $2)::float8 as n
       from pg_class where oid = $1::regclass and exists (select from pg_rewrite where ev_class = oid)`,
    [liveName(table), loadId],
  );
  return ruled?.n ?? inserted;
}

/** Upserts; where the merge passes a unique value from one row to another, all rows are merged as one set. */
async function merge(tx: Tx, table: Table, stage: string): Promise<number> {
  await tx.query('savepoint merging');
  try {
    const merged = await putStaged(tx, table, 'merge', stage);
    await tx.query('release savepoint merging');
    return merged;
  } catch (error) {
    if (!isKeyTaken(error)) throw error;
    await tx.query('rollback to savepoint merging');
    return mergeAsSet(tx, { table, source: stage, values: new Map(), parameters: [], absent: [] });
  }
}

/**
 * Switches triggers off, if the role may: foreign keys cost a look-up a row by trigger, while the tables that they point
 * at are locked, so that one anti-join gives the same result.
 */
async function silenceTriggers(tx: Tx): Promise<boolean> {
  await tx.query('savepoint silence');
  try {
    await tx.query('set local session_replication_role = replica');
    return true;
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) throw error;
    await tx.query('rollback to savepoint silence');
    return false;
  }
}

function isReferrers(error: unknown, referrers: readonly Referrer[]): boolean {
  const { constraint } = error as { constraint?: string };
  return referrers.some((r) => r.name === constraint);
}

/** The error without PostgreSQL's detail: the key's values are row data, and this message goes into logs. */
function brokenReferrer(table: Table, error: unknown): LongshoreError {
  const { table: from, constraint } = error as { table?: string; constraint?: string };
  return new LongshoreError(
    'reference-broken',
    `${from ?? 'another table'} (${constraint}) refers to rows of ${table.name} that this load would remove`,
    { cause: error },
  );
}
