import type { Tx } from '../db/database.ts';
import { quoteName, quoteNames } from '../db/sql-names.ts';
import { columnsOf, liveName } from '../tables/table-state.ts';
import type { LoadMode, Table } from '../types.ts';

/**
 * Inserts rows into an existing table; in a merge they overwrite those with the same primary key. Identity columns get
 * the values of the file or the backup too.
 *
 * @param source SQL of a table, or of a query with an alias, with the table's columns
 * @param parameters of the source
 * @returns how many rows PostgreSQL inserted or changed
 */
export function putStaged(
  tx: Pick<Tx, 'change'>,
  table: Table,
  mode: LoadMode,
  source: string,
  parameters: readonly unknown[] = [],
): Promise<number> {
  const columns = quoteNames(columnsOf(table));
  const rows = `insert into ${liveName(table)} as own_row (${columns}) overriding system value select ${columns} from ${source}`;
  if (mode !== 'merge') return tx.change(rows, parameters);
  const rest = columnsOf(table).filter((column) => !table.primaryKey.includes(column));
  const set = rest.map((column) => `${quoteName(column)} = excluded.${quoteName(column)}`).join(', ');
  return tx.change(`${rows} on conflict (${quoteNames(table.primaryKey)}) do update set ${set}`, parameters);
}
