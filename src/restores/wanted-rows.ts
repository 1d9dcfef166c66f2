import type { TextRow } from '../avro/read-rows.ts';
import { columnsWithTypes } from '../avro/schema.ts';
import type { Sql } from '../db/sql.ts';
import { equalColumns, quoteName } from '../db/sql-names.ts';
import type { Table } from '../types.ts';
import { keysAsParameters, keysAsRows } from './create-restore.ts';

const ROWS_AT_ONCE = 1_000;

/** Yields rows whose primary keys are wanted; PostgreSQL compares the values, so that `017` equals `17`. */
export async function* wantedRows<R extends { readonly cells: TextRow }>(
  db: Sql,
  table: Table,
  keys: readonly (readonly string[])[],
  rows: AsyncIterable<R>,
): AsyncGenerator<R, void> {
  let some: R[] = [];
  for await (const row of rows) {
    some.push(row);
    if (some.length < ROWS_AT_ONCE) continue;
    yield* await onlyWanted(db, table, keys, some);
    some = [];
  }
  yield* await onlyWanted(db, table, keys, some);
}

async function onlyWanted<R extends { readonly cells: TextRow }>(
  db: Sql,
  table: Table,
  keys: readonly (readonly string[])[],
  rows: readonly R[],
): Promise<R[]> {
  if (rows.length === 0) return [];
  const { primaryKey } = table;
  const columns = columnsWithTypes(table);
  const places = primaryKey.map((name) => columns.findIndex((column) => column.name === name));
  const arrays = places.map((at, i) => `$${primaryKey.length + i + 1}::text[]::${columns[at]!.type}[]`);
  const names = primaryKey.map((name) => quoteName(name)).join(', ');
  const found = await db.query<{ nth: number }>(
    `select r.nth::int as nth from unnest(${arrays.join(', ')}) with ordinality as r (${names}, nth)
      where exists (select from ${keysAsRows(table)} where ${equalColumns(primaryKey, 'k', 'r')}) order by r.nth`,
    [...keysAsParameters(table, keys), ...places.map((at) => rows.map(({ cells }) => cells[at]))],
  );
  return found.map(({ nth }) => rows[nth - 1]!);
}
