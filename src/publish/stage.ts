import { withinLockTime } from '../db/lock-holders.ts';
import { ruleName } from '../db/rule-names.ts';
import type { Sql } from '../db/sql.ts';
import { DATA_SCHEMA, quoteName, quoteNames, STAGE_SCHEMA } from '../db/sql-names.ts';
import { isRequired } from '../dictionary/partial-table.ts';
import { columnType } from '../rows/column-type.ts';
import type { CopyFormat } from '../rows/encoded-pieces.ts';
import type { Table } from '../types.ts';

/** The table of a load for rows that satisfy every rule that can be checked on a row alone. */
export function stageName(loadId: number): string {
  return quoteName(STAGE_SCHEMA, `load_${loadId}`);
}

/** The table of a restore for rows of a backup; `no` counts the restore's tables from 0. */
export function restoreStageName(restoreId: number, no: number): string {
  return quoteName(STAGE_SCHEMA, `restore_${restoreId}_${no}`);
}

/** Names that a copy made by a restore can't have: it passes through the schema of the stages. */
export const STAGE_NAMES = /^(load|restore)_\d/;

/**
 * Makes the stage with the live table's columns in the live table's order, without keys or indexes: those are built
 * once, when the rows are in. It is logged, because an unlogged table is empty after a crash of PostgreSQL while the
 * ledger says that its chunks are done. Idempotent.
 *
 * @param stage quoted, as `stageName` and `restoreStageName` give it
 * @param loadId `_load_id` of rows that come without one
 */
export async function makeStage(db: Sql, table: Table, stage: string, loadId?: number): Promise<void> {
  const live = await liveColumns(db, table);
  const columns = new Map(
    table.fields.map((field) => {
      const { name } = field;
      const required = isNeeded(table, name) ? notNull(table, name, live.get(name)) : '';
      return [name, `${columnType(field)}${required}`];
    }),
  );
  columns.set('_load_id', loadId === undefined ? 'bigint' : `bigint default ${loadId}`);
  columns.set('_line', 'bigint');
  const present = [...live.keys()].filter((name) => columns.has(name));
  const order = [...new Set([...present, ...columns.keys()])];
  await db.query(
    `create table if not exists ${stage} (
       ${order.map((name) => `${quoteName(name)} ${columns.get(name)}`).join(', ')}
     ) with (autovacuum_enabled = false)`,
  );
}

/**
 * Columns of the live table in its order (a field that came to the dictionary later is behind the lineage), each with
 * the name of its NOT NULL, which PostgreSQL keeps as a constraint since version 18.
 */
async function liveColumns(db: Sql, table: Table): Promise<ReadonlyMap<string, string | null>> {
  const columns = await db.query<{ name: string; notNull: string | null }>(
    `select attname::text as name,
            (select conname::text from pg_constraint
              where conrelid = attrelid and contype = 'n' and conkey = array[attnum]) as "notNull"
       from pg_attribute
      where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum`,
    [quoteName(DATA_SCHEMA, table.name)],
  );
  return new Map(columns.map(({ name, notNull }) => [name, notNull]));
}

/** In a transaction. @throws LongshoreError `table-locked`: somebody looks at it */
export async function dropStage(tx: Sql, stage: string): Promise<void> {
  await withinLockTime(tx, [stage], 'access exclusive', () => tx.query(`drop table if exists ${stage}`));
}

/** Makes the space of rows that were rolled back available to the next ones. */
export async function vacuumStage(db: Sql, stage: string): Promise<void> {
  await db.query(`vacuum ${stage}`);
}

/** The COPY that reads what `encodeChunk` writes: the line first, then the fields in the dictionary's order. */
export function copyIntoStage(table: Table, loadId: number, format: CopyFormat): string {
  const columns = ['_line', ...table.fields.map((field) => field.name)];
  return `copy ${stageName(loadId)} (${quoteNames(columns)}) from stdin with (format ${format})`;
}

/** NOT NULL with its name on the live table, which the stage may replace; without one, with the usual generated name. */
function notNull(table: Table, field: string, live: string | null | undefined): string {
  const name = live ?? ruleName({ kind: 'not_null', table: table.name, fields: [field] });
  return ` constraint ${quoteName(name)} not null`;
}

function isNeeded(table: Table, field: string): boolean {
  return table.primaryKey.includes(field) || isRequired(table, field);
}
