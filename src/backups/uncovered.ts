import type { Sql } from '../db/sql.ts';
import { DATA_SCHEMA, quoteName } from '../db/sql-names.ts';
import { columnsOf } from '../tables/table-state.ts';
import type { Table } from '../types.ts';

/** The most that are listed; the last entry gives the number of further ones. */
const MOST_TOLD = 20;

/**
 * Lists what no backup holds, in words: columns of the tables, and tables of the data schema, that the dictionary does
 * not have.
 *
 * @param tables tables whose columns are checked
 * @param known every table of the dictionary; absent: other tables are not listed
 */
export async function uncovered(
  db: Sql,
  tables: readonly Table[],
  known?: readonly Table[],
): Promise<readonly string[]> {
  const columns = await db.query<{ table: string; column: string }>(
    `select c.relname as table, a.attname as column
       from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = to_regnamespace($1) and c.relname = any ($2)
        and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
      order by c.relname, a.attnum`,
    [quoteName(DATA_SCHEMA), tables.map(({ name }) => name)],
  );
  const covered = new Map(tables.map((table) => [table.name, new Set(columnsOf(table))]));
  const found = columns
    .filter(({ table, column }) => !covered.get(table)?.has(column))
    .map(({ table, column }) => `column ${column} of ${table} is not in the dictionary: no backup holds it`);
  if (known !== undefined) found.push(...(await unknownTables(db, known)));
  if (found.length <= MOST_TOLD) return found;
  return [...found.slice(0, MOST_TOLD), `and ${found.length - MOST_TOLD} more`];
}

/** Tables beside the dictionary, without partitions and without those of extensions. */
async function unknownTables(db: Sql, known: readonly Table[]): Promise<string[]> {
  const rows = await db.query<{ name: string }>(
    `select relname as name from pg_class c
      where relnamespace = to_regnamespace($1) and relkind in ('r', 'p') and not relispartition
        and relname <> all ($2)
        and not exists (select from pg_depend d
                         where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
      order by relname`,
    [quoteName(DATA_SCHEMA), known.map(({ name }) => name)],
  );
  return rows.map(({ name }) => `table ${name} is not in the dictionary: no backup holds it`);
}
