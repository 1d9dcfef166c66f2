import type { Tx } from '../db/database.ts';
import { DATA_SCHEMA, equalColumns, quoteName, quoteNames, quoteText } from '../db/sql-names.ts';
import { dropRejects, KEEP_FAULTY, KEPT_REJECTS } from '../ledger/kept-rejects.ts';
import type { ForeignKey, LoadMode, RejectCode, Table } from '../types.ts';
import { rejectByCatalog } from './check-catalog.ts';
import { type RowsToCheck, rejectRows, shownKey } from './reject-rows.ts';
import { stageName } from './stage.ts';
import { liveName } from './table-state.ts';

/** Checks a load's stage. @returns how many rows left it and became rejects of the load */
export async function checkStage(
  tx: Pick<Tx, 'query'>,
  table: Table,
  mode: LoadMode,
  loadId: number,
  keep = KEPT_REJECTS,
): Promise<number> {
  const stage = stageName(loadId);
  await tx.query(`set local work_mem = '64MB'`);
  await tx.query(`analyze ${stage}`);
  const rows: RowsToCheck = {
    table: stage,
    keep: KEEP_FAULTY,
    values: [loadId, keep],
    sameAs: 'is the same as on line',
  };
  const rejected = await checkRows(tx, table, mode, rows);
  const byCatalog = await rejectByCatalog(tx, table, mode, rows);
  await dropRejects(tx, loadId, keep);
  return rejected + byCatalog;
}

/**
 * The rules that one row can't be checked for by itself, as set-based statements over all rows. Those that break one
 * leave their table and become rejects, in the transaction of the caller:
 *
 * 1. references that exist nowhere (again and again, where a table references itself, until none is left),
 * 2. the primary key, then each unique key: of the rows with a key the first stays; a key that the table has
 *    already is refused by `append`. A row that 1. removed occupies no key.
 *
 * 2. can break what 1. found good (a self reference to a row that left), so both repeat until nothing more leaves.
 *
 * @returns how many rows left
 */
export async function checkRows(
  tx: Pick<Tx, 'query'>,
  table: Table,
  mode: LoadMode,
  rows: RowsToCheck,
): Promise<number> {
  let total = 0;
  for (;;) {
    let left = await rejectBrokenReferences(tx, table, mode, rows);
    for (const key of uniqueKeysOf(table)) left += await rejectDuplicates(tx, table, mode, rows, key);
    total += left;
    const again = table.foreignKeys.some((key) => key.reference.table === table.name);
    if (left === 0 || !again) return total;
  }
}

interface UniqueKey {
  readonly fields: readonly string[];
  readonly code: Extract<RejectCode, 'primary-key' | 'unique-error'>;
}

function uniqueKeysOf(table: Table): UniqueKey[] {
  const keys: UniqueKey[] = [];
  if (table.primaryKey.length > 0) keys.push({ fields: table.primaryKey, code: 'primary-key' });
  for (const field of table.fields) {
    if (field.constraints.unique) keys.push({ fields: [field.name], code: 'unique-error' });
  }
  for (const fields of table.uniqueKeys) keys.push({ fields, code: 'unique-error' });
  return keys;
}

/** All broken references of a row in one go, so that its reject names every one of them. */
function rejectBrokenReferences(
  tx: Pick<Tx, 'query'>,
  table: Table,
  mode: LoadMode,
  rows: RowsToCheck,
): Promise<number> {
  const faults = table.foreignKeys.map((key) => {
    const target = quoteName(key.reference.table);
    const message = `${quoteText(`no row of ${target} has `)} || ${shownKey('s', key.fields, key.reference.fields)}`;
    const where = brokenReference(table, mode, rows.table, key);
    const faulty = `select s.ctid as at, s._line as line, ${message} as message from ${rows.table} s where ${where}`;
    return { fields: key.fields, code: 'foreign-key', faulty } as const;
  });
  return rejectRows(tx, rows, faults);
}

/** Condition on a row `s`: it refers to a row that is neither in the database nor (of itself) in `staged`. */
export function brokenReference(table: Table, mode: LoadMode, staged: string, key: ForeignKey): string {
  const { fields, reference } = key;
  const present = fields.map((f) => `s.${quoteName(f)} is not null`).join(' and ');
  const same = fields
    .map((f, i) => `r.${quoteName(reference.fields[i] ?? '')} = s.${quoteName(f)}`)
    .join(' and ');
  const self = reference.table === table.name;
  const live = `not exists (select from ${quoteName(DATA_SCHEMA, reference.table)} r where ${same})`;
  const beside = `not exists (select from ${staged} r where ${same})`;
  if (!self) return `${present} and ${live}`;
  return mode === 'replace' ? `${present} and ${beside}` : `${present} and ${beside} and ${live}`;
}

async function rejectDuplicates(
  tx: Pick<Tx, 'query'>,
  table: Table,
  mode: LoadMode,
  rows: RowsToCheck,
  key: UniqueKey,
): Promise<number> {
  const columns = quoteNames(key.fields);
  const present = key.fields.map((f) => `${quoteName(f)} is not null`).join(' and ');
  const shown = shownKey('s', key.fields, key.fields);
  const { fields, code } = key;
  // No field's name begins with an underscore.
  const twice = `
    select s._at as at, s._row as line, ${shown} || ${quoteText(` ${rows.sameAs} `)} || s._first as message
       from (select ctid as _at, _line as _row, ${columns},
                    first_value(_line) over _same as _first, row_number() over _same as _nth
               from ${rows.table} where ${present}
             window _same as (partition by ${columns} order by _line)) s
      where s._nth > 1`;
  let left = await rejectRows(tx, rows, [{ fields, code, faulty: twice }]);
  // A merge replaces the rows whose primary key it brings; their other keys are free again.
  if (mode === 'append' || (mode === 'merge' && key.code === 'unique-error')) {
    const same = equalColumns(key.fields, 't', 's');
    const stays =
      mode === 'merge'
        ? `and not exists (select from ${rows.table} n where ${equalColumns(table.primaryKey, 'n', 't')})`
        : '';
    const taken = `
      select s.ctid as at, s._line as line, ${shown} || ' is in the table already' as message
        from ${rows.table} s where exists (select from ${liveName(table)} t where ${same} ${stays})`;
    left += await rejectRows(tx, rows, [{ fields, code, faulty: taken }]);
  }
  return left;
}
