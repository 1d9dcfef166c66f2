import type { Sql } from '../db/sql.ts';
import { DATA_SCHEMA, quoteName, quoteNames } from '../db/sql-names.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { columnsOf } from '../publish/stage.ts';
import type { Table } from '../types.ts';
import { READ_SCHEMA } from './report.ts';

/** Quoted name of the view through which reports read a table. */
export function readViewOf(table: string): string {
  return quoteName(READ_SCHEMA, table);
}

/**
 * Which of the tables have such a view. Locked before their tables wherever both are: whoever reads a view comes that
 * way too.
 */
export async function readViewsOf(db: Sql, tables: readonly string[]): Promise<readonly string[]> {
  const rows = await db.query<{ name: string }>(
    `select relname::text as name from pg_class
      where relnamespace = $1::regnamespace and relkind = 'v' and relname = any ($2) order by relname`,
    [READ_SCHEMA, tables],
  );
  return rows.map(({ name }) => name);
}

/** Lets a view that exists read another relation, with the same columns: what stands on the view stays. */
export async function pointReadView(db: Sql, table: string, relation: string): Promise<void> {
  await db.query(createView(table, await columnsOfView(db, table), relation));
}

/**
 * Makes the views of tables, or brings them up to date: with all fields of the dictionary and the lineage. New fields
 * come last, as PostgreSQL wants it. Where a field has gone, the view is dropped with all that stands on it.
 */
export async function ensureReadViews(db: Sql, tables: readonly Table[]): Promise<void> {
  for (const table of tables) {
    const present = await columnsOfView(db, table.name);
    const wanted = columnsOf(table);
    const order = [...present.filter((name) => wanted.includes(name)), ...wanted];
    const columns = [...new Set(order)];
    if (columns.join('\n') === present.join('\n')) continue;
    await replaceView(db, createView(table.name, columns, quoteName(DATA_SCHEMA, table.name)), table.name);
  }
}

async function replaceView(db: Sql, statement: string, table: string): Promise<void> {
  await db.query('savepoint replacing');
  try {
    await db.query(statement);
    await db.query('release savepoint replacing');
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.invalidTableDefinition) throw error;
    await db.query('rollback to savepoint replacing');
    await db.query(`drop view ${readViewOf(table)} cascade`);
    await db.query(statement);
  }
}

function createView(table: string, columns: readonly string[], relation: string): string {
  return `create or replace view ${readViewOf(table)} as select ${quoteNames(columns)} from ${relation}`;
}

async function columnsOfView(db: Sql, table: string): Promise<string[]> {
  const rows = await db.query<{ name: string }>(
    `select attname::text as name from pg_attribute
      where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum`,
    [readViewOf(table)],
  );
  return rows.map(({ name }) => name);
}
