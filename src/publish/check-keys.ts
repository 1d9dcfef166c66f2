import type { Sql } from '../db/sql.ts';
import { equalColumns, quoteName, quoteNames, quoteText } from '../db/sql-names.ts';
import type { UniqueKey } from '../dictionary/unique-keys.ts';
import { liveName } from '../tables/table-state.ts';
import type { Table } from '../types.ts';
import { present, type RowsToCheck, rejectRows, shownKey } from './reject-rows.ts';

/** Rejects all but the first of the rows with the same key. */
export function rejectDuplicates(tx: Sql, rows: RowsToCheck, { fields, code }: UniqueKey): Promise<number> {
  const columns = quoteNames(fields);
  // No field's name begins with an underscore.
  const faulty = `
    select s._at as at, s._row as line, ${shownKey('s', fields, fields)} || ${quoteText(` ${rows.sameAs} `)} || s._first as message
       from (select s.ctid as _at, _line as _row, ${columns},
                    first_value(_line) over _same as _first, row_number() over _same as _nth
               from ${rows.table} s where ${present('s', fields)}
             window _same as (partition by ${columns} order by _line)) s
      where s._nth > 1`;
  return rejectRows(tx, rows, [{ fields, code, faulty }]);
}

/** Rejects appended rows whose key is in the table. */
export function rejectTaken(
  tx: Sql,
  table: Table,
  rows: RowsToCheck,
  { fields, code }: UniqueKey,
): Promise<number> {
  const faulty = `
    select s.ctid as at, s._line as line, ${taken(fields)} as message
      from ${rows.table} s where exists (select from ${liveName(table)} t where ${equalColumns(fields, 't', 's')})`;
  return rejectRows(tx, rows, [{ fields, code, faulty }]);
}

function taken(fields: readonly string[]): string {
  return `${shownKey('s', fields, fields)} || ' is in the table already'`;
}

const HELD = quoteName('pg_temp', 'longshore_held');
const FALLEN = quoteName('pg_temp', 'longshore_fallen');

/**
 * Rejects rows of a merge that want a unique value which a row of the table keeps. A merge may take such a value only
 * when it gives that row another one. When the row that would do so is rejected, the table keeps the value, and the row
 * that wanted it is rejected as well, and so on. A chain may be as long as the file: the rows are found by one recursive
 * statement along these dependencies, each step an index look-up, and not by a scan of all rows for each link.
 *
 * @param keys unique keys that are, like the primary key, free of duplicates within the rows by now
 */
export async function rejectHeld(
  tx: Sql,
  table: Table,
  rows: RowsToCheck,
  keys: readonly UniqueKey[],
): Promise<number> {
  await tx.query(`
    create temp table if not exists longshore_held (line bigint, nth int, by bigint) on commit delete rows;
    create index if not exists longshore_held_by on ${HELD} (by);
    create temp table if not exists longshore_fallen (line bigint) on commit delete rows;
    delete from ${HELD};
    delete from ${FALLEN}`);
  const needs = keys.map(
    ({ fields }, nth) => `
      select s._line as line, ${nth} as nth, n._line as by
        from ${rows.table} s join ${liveName(table)} t on ${equalColumns(fields, 't', 's')}
        left join ${rows.table} n on ${equalColumns(table.primaryKey, 'n', 't')}
       where n._line is distinct from s._line`,
  );
  const [seed] = await tx.query<{ falls: boolean }>(
    `with needed as (insert into ${HELD} ${needs.join(' union all ')} returning by)
     select coalesce(bool_or(by is null), false) as falls from needed`,
  );
  if (!seed?.falls) return 0;
  await tx.query(`analyze ${HELD}`);
  await tx.query('set local enable_hashjoin = off; set local enable_mergejoin = off');
  await tx.query(
    `insert into ${FALLEN}
       with recursive fallen (line) as (
         select line from ${HELD} where by is null
         union
         select h.line from fallen f join ${HELD} h on h.by = f.line)
       select line from fallen`,
  );
  await tx.query('set local enable_hashjoin to default; set local enable_mergejoin to default');
  const faults = keys.map(({ fields, code }, nth) => ({
    fields,
    code,
    faulty: `
      select s.ctid as at, s._line as line, ${taken(fields)} as message
        from ${rows.table} s join ${HELD} h on h.line = s._line and h.nth = ${nth}
       where h.by is null or h.by in (select line from ${FALLEN})`,
  }));
  return rejectRows(tx, rows, faults);
}
