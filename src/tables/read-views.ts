import type { Sql } from '../db/sql.ts';
import { quoteName, quoteNames, READ_SCHEMA, REPORT_SCHEMA } from '../db/sql-names.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import type { Table } from '../types.ts';
import { READER_ROLE } from './reader-role.ts';
import { columnsOf, liveName } from './table-state.ts';

/** Quoted name of the view through which reports read a table. */
export function readViewOf(table: string): string {
  return quoteName(READ_SCHEMA, table);
}

/**
 * The views of those tables that have one. Where both are locked, views come before their tables, as for their readers.
 */
export async function readViewsOf(db: Sql, tables: readonly string[]): Promise<readonly string[]> {
  const rows = await db.query<{ name: string }>(
    `select relname::text as name from pg_class
      where relnamespace = $1::regnamespace and relkind = 'v' and relname = any ($2) order by relname`,
    [READ_SCHEMA, tables],
  );
  return rows.map(({ name }) => name);
}

/** Makes an existing view read another relation with the same columns; what depends on the view stays. */
export async function pointReadView(db: Sql, table: string, relation: string): Promise<void> {
  await db.query(createView(table, await columnsOfView(db, table), relation));
}

/**
 * Creates or updates the views of tables, with all fields of the dictionary and the lineage. New fields come last, as
 * PostgreSQL requires. Where a field has gone, the view and the reports that depend on it are made anew; but not where
 * that would remove an object of the user's: the view keeps the field then, as the table does.
 */
export async function ensureReadViews(db: Sql, tables: readonly Table[]): Promise<void> {
  for (const table of tables) {
    const present = await columnsOfView(db, table.name);
    const wanted = columnsOf(table);
    const stays = present.filter((name) => wanted.includes(name));
    const without = [...new Set([...stays, ...wanted])];
    if (stays.length < present.length && (await remakeView(db, table.name, without))) continue;
    const columns = [...new Set([...present, ...wanted])];
    if (columns.length > present.length) await db.query(createView(table.name, columns, liveName(table)));
  }
}

/** @returns false where it was not remade, since objects of users depend on the view or on a report that reads it */
async function remakeView(db: Sql, table: string, columns: readonly string[]): Promise<boolean> {
  const reports = await db.query<{ name: string; touched: boolean }>(STANDING, [readViewOf(table)]);
  if (reports.some(({ touched }) => touched)) return false;
  await db.query('savepoint remaking');
  try {
    // Never with `cascade`: PostgreSQL refuses the drop where anything else depends on them.
    for (const { name } of reports) await db.query(`drop ${name}`);
    await db.query(createView(table, columns, liveName({ name: table })));
    await db.query('release savepoint remaking');
    return true;
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.dependentObjects) throw error;
    await db.query('rollback to savepoint remaking');
    return false;
  }
}

/** The reports that read a view, then the view; each with whether somebody has granted it or commented on it. */
const STANDING = `
  select format('%s %s', case c.relkind when 'v' then 'view' else 'materialized view' end, c.oid::regclass) as name,
         obj_description(c.oid, 'pg_class') is not null
         or exists (select from aclexplode(c.relacl) a
                     where a.grantee <> c.relowner
                       and a.grantee is distinct from to_regrole('${READER_ROLE}')::oid) as touched
    from pg_class c
   where c.oid = $1::regclass
      or c.relkind = 'm' and c.relnamespace = to_regnamespace('${REPORT_SCHEMA}')
         and exists (select from pg_depend d join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                      where r.ev_class = c.oid and d.refclassid = 'pg_class'::regclass
                        and d.refobjid = $1::regclass)
   order by c.relkind = 'v'`;

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
