import { createHash } from 'node:crypto';
import type { Sql } from '../db/sql.ts';
import { quoteName, quoteNames, quoteText, READ_SCHEMA, REPORT_SCHEMA } from '../db/sql-names.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import type { Table } from '../types.ts';
import { READER_ROLE } from './reader-role.ts';
import { columnsOf, liveName } from './table-state.ts';

/**
 * Reports read a table through a view, and the view through a function that names the table only in its text:
 *
 *   materialized view of a report → view → function ··· table
 *
 * PostgreSQL notes no dependency on what a function's text names. So nothing of Longshore's hangs on a table: anyone may
 * change the types of its columns, drop columns or the table itself, and a load may swap it. PostgreSQL puts the
 * function's text in its place before it plans (it "inlines" it), so that the plan is that of the table itself.
 */

/** Quoted name of the view through which reports read a table. */
export function readViewOf(table: string): string {
  return quoteName(READ_SCHEMA, table);
}

/** What PostgreSQL has of a table and of its view. */
interface Standing {
  readonly name: string;
  /** Columns of the view, in its order; empty where there is none. */
  readonly present: readonly string[];
  readonly columns: readonly LiveColumn[];
  /** The function that the view reads; null: none, or the view hangs on the table. */
  readonly reads: string | null;
}

interface LiveColumn {
  readonly name: string;
  /** As PostgreSQL writes it, without a length. */
  readonly type: string;
  /** Quoted; null: that of the type. */
  readonly collation: string | null;
}

/** The rule of a view `$v` is what depends on what the view reads. */
const READ_BY = (view: string) => `
  pg_depend d join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and r.ev_class = ${view}`;

const STANDING = `
  select t.name,
         array(select a.attname::text from pg_attribute a
                where a.attrelid = v.oid and a.attnum > 0 and not a.attisdropped order by a.attnum) as present,
         array(select jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, -1),
                        'collation', case when a.attcollation <> y.typcollation
                                          then (select format('%I.%I', n.nspname, l.collname) from pg_collation l
                                                  join pg_namespace n on n.oid = l.collnamespace
                                                 where l.oid = a.attcollation) end)
                 from pg_attribute a join pg_type y on y.oid = a.atttypid
                where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum) as columns,
         case when not exists (select from ${READ_BY('v.oid')}
                                where d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid)
              then (select min(p.proname::text) from ${READ_BY('v.oid')}
                      join pg_proc p on d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid
                     where p.pronamespace = v.relnamespace) end as reads
    from unnest($1::text[], $2::text[]) with ordinality t (name, live, no)
    left join pg_class c on c.oid = to_regclass(t.live)
    left join pg_class v on v.relnamespace = to_regnamespace('${READ_SCHEMA}') and v.relname = t.name and v.relkind = 'v'
   order by t.no`;

async function standingOf(db: Sql, tables: readonly string[]): Promise<readonly Standing[]> {
  return db.query<{ [member in keyof Standing]: Standing[member] }>(STANDING, [
    tables,
    tables.map((name) => liveName({ name })),
  ]);
}

/**
 * Creates or updates the views of tables, with all fields of the dictionary and the lineage, and the types that the
 * table has now. New fields come last, as PostgreSQL requires. Where a field has gone or has another type, the view and
 * the reports that depend on it are made anew; but not where that would remove an object of the user's: the view stays
 * as it is then.
 */
export async function ensureReadViews(db: Sql, tables: readonly Table[]): Promise<void> {
  const standing = await standingOf(
    db,
    tables.map(({ name }) => name),
  );
  for (const [index, table] of tables.entries()) await ensureReadView(db, standing[index]!, columnsOf(table));
}

async function ensureReadView(db: Sql, view: Standing, wanted: readonly string[]): Promise<void> {
  const isThere = (name: string) => view.columns.some((column) => column.name === name);
  const stays = view.present.filter((name) => wanted.includes(name));
  if (stays.length < view.present.length) {
    const without = [...new Set([...stays, ...wanted])].filter(isThere);
    if (await remakeView(db, view, without)) return;
  }
  const columns = [...new Set([...view.present, ...wanted.filter(isThere)])];
  // A column that is nowhere any more, and of which something of the user's stands on the view.
  if (columns.length === 0 || !columns.every(isThere)) return;
  if (view.reads === readerOf(view, columns)) return;
  if (!(await replaceView(db, view, columns))) await remakeView(db, view, columns);
}

/**
 * The views of those tables that hang on their tables, as views of earlier versions do, whose processes may still run.
 * Where both are locked, views come before their tables, as for their readers.
 */
export async function hangingViewsOf(db: Sql, tables: readonly string[]): Promise<readonly string[]> {
  const standing = await standingOf(db, tables);
  return standing
    .filter(({ present, reads }) => present.length > 0 && reads === null)
    .map(({ name }) => name);
}

/** Drops the view of a table, and the function that it reads; never with `cascade`. */
export async function dropReadView(db: Sql, table: string): Promise<void> {
  const [view] = await standingOf(db, [table]);
  await db.query(`drop view if exists ${readViewOf(table)}`);
  if (view?.reads) await db.query(`drop function if exists ${quoteName(READ_SCHEMA, view.reads)}()`);
}

/** Lets a view no longer hang on its table; what depends on the view stays. */
export async function detachReadView(db: Sql, table: string): Promise<void> {
  const [view] = await standingOf(db, [table]);
  if (view) await makeView(db, view, view.present);
}

/** @returns false where PostgreSQL refuses another type of a column, or one that has gone; nothing is changed then */
async function replaceView(db: Sql, view: Standing, columns: readonly string[]): Promise<boolean> {
  return unlessRefused(db, SQLSTATE.invalidTableDefinition, () => makeView(db, view, columns));
}

/** @returns false where it was not remade, since objects of users depend on the view or on a report that reads it */
async function remakeView(db: Sql, view: Standing, columns: readonly string[]): Promise<boolean> {
  if (view.present.length > 0) {
    const reports = await db.query<{ name: string; touched: boolean }>(DEPENDING, [readViewOf(view.name)]);
    if (reports.some(({ touched }) => touched)) return false;
    // Never with `cascade`: PostgreSQL refuses the drop where anything else depends on them.
    return unlessRefused(db, SQLSTATE.dependentObjects, async () => {
      for (const { name } of reports) await db.query(`drop ${name}`);
      await makeView(db, view, columns);
    });
  }
  await makeView(db, view, columns);
  return true;
}

async function unlessRefused(db: Sql, state: string, work: () => Promise<void>): Promise<boolean> {
  await db.query('savepoint remaking');
  try {
    await work();
    await db.query('release savepoint remaking');
    return true;
  } catch (error) {
    if (sqlstateOf(error) !== state) throw error;
    await db.query('rollback to savepoint remaking');
    return false;
  }
}

/** The reports that read a view, then the view; each with whether somebody has granted it or commented on it. */
const DEPENDING = `
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

/** Makes the function of these columns, points the view at it, and drops the function that the view read before. */
async function makeView(db: Sql, view: Standing, names: readonly string[]): Promise<void> {
  const columns = columnsNamed(view, names);
  const reader = quoteName(READ_SCHEMA, readerOf(view, names));
  const signature = columns.map(({ name, type }) => `${quoteName(name)} ${type}`).join(', ');
  const body = `select ${quoteNames(names)} from ${liveName(view)}`;
  // What PostgreSQL asks of a function whose text it is to put in its place: one SELECT, not volatile, not strict.
  await db.query(
    `create or replace function ${reader}() returns table (${signature}) language sql stable parallel safe
       as ${quoteText(body)}`,
  );
  const shown = columns.map(({ name, collation }) =>
    collation === null ? quoteName(name) : `${quoteName(name)} collate ${collation} as ${quoteName(name)}`,
  );
  await db.query(
    `create or replace view ${readViewOf(view.name)} as select ${shown.join(', ')} from ${reader}()`,
  );
  if (view.reads === null || view.reads === readerOf(view, names)) return;
  await unlessRefused(db, SQLSTATE.dependentObjects, async () => {
    await db.query(`drop function if exists ${quoteName(READ_SCHEMA, view.reads!)}()`);
  });
}

/** A name for each shape of a table: PostgreSQL does not change what a function returns while a view reads it. */
function readerOf(view: Standing, names: readonly string[]): string {
  const columns = columnsNamed(view, names).map(({ name, type, collation }) => [name, type, collation]);
  const shape = JSON.stringify([view.name, columns]);
  return `rows_${createHash('sha256').update(shape).digest('hex').slice(0, 40)}`;
}

function columnsNamed(view: Standing, names: readonly string[]): readonly LiveColumn[] {
  return names.flatMap((name) => view.columns.filter((column) => column.name === name));
}
