import type { Client } from 'pg';
import { LINEAGE_COLUMNS, quoteName, quoteNames } from '../../src/db/sql-names.ts';
import { columnType } from '../../src/rows/column-type.ts';
import { columnsOf } from '../../src/tables/table-state.ts';
import type { ExtremeTable } from './extreme-values.ts';

/** Makes the table and fills it by PostgreSQL's own casts; lineage is null in every other row. */
export async function createExtreme(client: Client, { table, rows }: ExtremeTable): Promise<void> {
  const types = [...table.fields.map(columnType), ...LINEAGE_COLUMNS.map(() => 'bigint')];
  const columns = columnsOf(table);
  const name = quoteName(table.name);
  await client.query(
    `create table ${name} (${columns.map((column, at) => `${quoteName(column)} ${types[at]}`).join(', ')})`,
  );
  const values = types.map((type, at) => `$${at + 1}::text::${type}`).join(', ');
  for (const [no, row] of rows.entries()) {
    const lineage = no % 2 === 0 ? [null, null] : ['7', String(no)];
    await client.query(`insert into ${name} (${quoteNames(columns)}) values (${values})`, [
      ...row,
      ...lineage,
    ]);
  }
}
