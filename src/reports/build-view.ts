import type { Tx } from '../db/database.ts';
import type { Sql } from '../db/sql.ts';
import { quoteName, quoteNames, READ_SCHEMA, REPORT_SCHEMA } from '../db/sql-names.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { privileges } from '../publish/carry-over.ts';
import { runPatiently } from '../publish/lock-tables.ts';
import { fillView } from './fill-view.ts';
import type { Report, ReportColumn } from './report.ts';
import { reportInvalid } from './report-faults.ts';
import { isFaultOfRows, rowFault } from './row-fault.ts';
import { columnsOfReport } from './view-columns.ts';

/** Suffix of a view that is being built; no report's name contains it. */
const BUILDING = '~building';
const OLD = '~old';

/**
 * Builds a report's view beside the one that is read, and exchanges the two, with the ledger row, in the transaction of
 * the caller: readers see the old one, then the new one.
 *
 *   create without rows ─ check what it reads and its columns ─ fill ─ index ─ lock the old one ─ exchange
 *
 * @throws LongshoreError `report-invalid` with file, line and what PostgreSQL says of the SQL
 */
export async function buildView(tx: Tx, report: Report): Promise<readonly ReportColumn[]> {
  const building = `${report.name}${BUILDING}`;
  await declare(tx, report, building);
  await checkSources(tx, report, building);
  const columns = await columnsOfReport(tx, report, building);
  const { hash, tables } = report;
  await tx.ledger
    .insertInto('report')
    .values({ name: report.name, hash, tables })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ hash, tables }))
    .execute();
  await fill(tx, report, building);
  await addIndexes(tx, report, building);
  await exchange(tx, report, building);
  return columns;
}

async function declare(tx: Tx, report: Report, building: string): Promise<void> {
  // PostgreSQL's own catalog precedes it, so that no table can shadow a type or a catalog.
  await tx.query(`select set_config('search_path', $1, true)`, [READ_SCHEMA]);
  const before = `create materialized view ${quoteName(REPORT_SCHEMA, building)} as `;
  try {
    // By the extended protocol, which refuses a second statement.
    const query = { text: `${before}${report.sql}\nwith no data`, queryMode: 'extended' };
    await tx.client.query(query);
  } catch (error) {
    if (sqlstateOf(error) === undefined) throw error;
    const { position, message } = error as { position?: string; message: string };
    const line = position === undefined ? null : lineAt(report.sql, Number(position) - before.length);
    throw reportInvalid(report.file, [{ line, detail: message }], error);
  }
}

/** @param position of a character, from 1; past the end is the last line */
function lineAt(sql: string, position: number): number {
  return [...sql].slice(0, Math.max(0, position - 1)).filter((character) => character === '\n').length + 1;
}

/** Refuses reads past the plain views, which would prevent swaps, and of tables that the header does not name. */
async function checkSources(tx: Tx, report: Report, building: string): Promise<void> {
  const read = await tx.query<{ schema: string; name: string }>(
    `select distinct c.relnamespace::regnamespace::text as schema, c.relname::text as name
       from pg_rewrite r
       join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
       join pg_class c on d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
      where r.ev_class = $1::regclass and c.oid <> r.ev_class order by 1, 2`,
    [quoteName(REPORT_SCHEMA, building)],
  );
  const faults: string[] = [];
  for (const { schema, name } of read) {
    if (schema !== READ_SCHEMA)
      faults.push(`it reads ${schema}.${name}: tables are to be named without a schema`);
    else if (!report.tables.includes(name)) faults.push(`it reads ${name}, which "tables" does not name`);
  }
  for (const table of report.tables) {
    if (!read.some(({ name }) => name === table))
      faults.push(`"tables" names ${table}, which it does not read`);
  }
  if (faults.length === 0) return;
  throw reportInvalid(
    report.file,
    faults.map((detail) => ({ line: null, detail })),
  );
}

async function fill(tx: Tx, report: Report, building: string): Promise<void> {
  try {
    await fillView(tx, report, { view: building, concurrently: false });
  } catch (error) {
    // Only faults of the rows are left out; every other error is transient.
    if (!isFaultOfRows(error)) throw error;
    throw reportInvalid(report.file, [{ line: null, detail: rowFault(error) }], error);
  }
}

/** Creates the unique index that a concurrent refresh needs, and one on the parameters, which every request sets. */
async function addIndexes(tx: Tx, report: Report, building: string): Promise<void> {
  const view = quoteName(REPORT_SCHEMA, building);
  const { key } = report;
  try {
    await tx.query(`create unique index on ${view} (${quoteNames(key)}) nulls not distinct`);
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.uniqueViolation) throw error;
    const detail = `"key": (${key.join(', ')}) is not unique`;
    throw reportInvalid(report.file, [{ line: null, detail }], error);
  }
  const parameters = report.parameters.map(({ name }) => name);
  const leading = key.slice(0, parameters.length);
  if (parameters.some((name) => !leading.includes(name))) {
    await tx.query(`create index on ${view} (${quoteNames(parameters)})`);
  }
  await tx.query(`analyze ${view}`);
}

async function exchange(tx: Tx, report: Report, building: string): Promise<void> {
  if (await findView(tx, report.name)) {
    const [old, made] = [report.name, building].map((name) => quoteName(REPORT_SCHEMA, name));
    for (const statement of await privileges(tx, old!, made!)) await tx.query(statement);
    // A materialized view can't be locked by LOCK; this acquires the lock that dropping it needs.
    await runPatiently(tx, rename(report.name, OLD), [old!]);
    await dropView(tx, OLD, report.file);
  }
  await tx.query(rename(building, report.name));
}

function rename(from: string, to: string): string {
  return `alter materialized view ${quoteName(REPORT_SCHEMA, from)} rename to ${quoteName(to)}`;
}

export async function findView(tx: Sql, name: string): Promise<boolean> {
  const found = await tx.query(
    `select from pg_class where relnamespace = $1::regnamespace and relname = $2 and relkind = 'm'`,
    [REPORT_SCHEMA, name],
  );
  return found.length > 0;
}

/** @throws LongshoreError `report-invalid` where something of the user's stands on the view */
export async function dropView(tx: Tx, name: string, file = `${name}.sql`): Promise<void> {
  try {
    await tx.query(`drop materialized view if exists ${quoteName(REPORT_SCHEMA, name)}`);
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.dependentObjects) throw error;
    const { message, detail } = error as { message?: string; detail?: string };
    throw reportInvalid(file, [{ line: null, detail: `${message}: ${detail}` }], error);
  }
}
