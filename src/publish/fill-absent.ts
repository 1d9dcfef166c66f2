import type { Sql } from '../db/sql.ts';
import { equalColumns, quoteName } from '../db/sql-names.ts';
import { isRequired } from '../dictionary/partial-table.ts';
import { liveName } from '../tables/table-state.ts';
import type { Table } from '../types.ts';
import { type AbsentField, type RowsToCheck, rejectRows } from './reject-rows.ts';

/**
 * Gives absent fields of rows the table's values; null where the table has no such row. Idempotent: a repetition reads
 * the table anew.
 *
 * @param rows quoted: a table with the fields' columns
 */
export async function fillAbsent(
  tx: Sql,
  table: Table,
  rows: string,
  absent: readonly AbsentField[],
): Promise<void> {
  if (absent.length === 0) return;
  const set = absent.map(({ name, where }, i) => {
    const column = quoteName(name);
    return `${column} = case when ${where} then f.c${i} else s.${column} end`;
  });
  const found = absent.map(({ name }, i) => `t.${quoteName(name)} as c${i}`);
  await tx.query(
    `update ${rows} s set ${set.join(', ')}
       from (select r.ctid as at, ${found.join(', ')}
               from ${rows} r left join ${liveName(table)} t on ${equalColumns(table.primaryKey, 't', 'r')}) f
      where f.at = s.ctid`,
  );
}

/** Rejects rows that would be inserted, without a field that is required. */
export function rejectLacking(
  tx: Sql,
  table: Table,
  rows: RowsToCheck,
  absent: readonly AbsentField[],
): Promise<number> {
  const needed = absent.filter(({ name }) => isRequired(table, name));
  const message =
    'expected a value (the field is required, and the table has no row with this key), received no cell';
  const faults = needed.map(({ name, where }) => ({
    fields: [name],
    code: 'constraint-error' as const,
    faulty: `
      select s.ctid as at, s._line as line, '${message}' as message from ${rows.table} s
       where ${where} and not exists (
             select from ${liveName(table)} t where ${equalColumns(table.primaryKey, 't', 's')})`,
  }));
  return rejectRows(tx, rows, faults);
}
