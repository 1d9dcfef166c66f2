import type { Sql } from '../db/sql.ts';
import { LINEAGE_COLUMNS } from '../db/sql-names.ts';
import { LongshoreError } from '../errors.ts';
import { columnType, POSTGRES_TYPES } from '../rows/column-type.ts';
import { quoted } from '../shorten.ts';
import { readCatalog } from '../tables/table-catalog.ts';
import type { Dictionary, Table } from '../types.ts';

/**
 * The definition of a backup's table as it is today: the dictionary's; of a table that left the dictionary and is still
 * in the database, that of the backup with the columns that PostgreSQL has.
 * @throws LongshoreError `unknown-table` when it is in neither
 */
export async function presentTable(db: Sql, { tables }: Dictionary, saved: Table): Promise<Table> {
  const known = tables.find(({ name }) => name === saved.name);
  if (known !== undefined) return known;
  const relation = (await readCatalog(db, [saved.name])).relations.get(saved.name);
  const types = new Map(relation?.columns.map(({ name, type }) => [name, type]));
  if (!relation || !['r', 'p'].includes(relation.kind) || !LINEAGE_COLUMNS.every((name) => types.has(name))) {
    throw new LongshoreError(
      'unknown-table',
      `the table ${quoted(saved.name)} is neither in the dictionary nor in the database any more`,
    );
  }
  const fields = saved.fields.filter((field) => types.get(field.name) === POSTGRES_TYPES[columnType(field)]);
  return { ...saved, fields };
}
