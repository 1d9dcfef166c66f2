import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Sql } from '../../src/db/sql.ts';
import { quoteName } from '../../src/db/sql-names.ts';
import { runSql, type TestDatabase } from './database.ts';
import { postgresServer } from './servers.ts';
import type { TestStack } from './stack.ts';

const FOLDER = new URL('../fixtures/ledgers/', import.meta.url);

/** The backup key of the dumps' backups. */
export const DUMPS_BACKUP_KEY = 'f'.repeat(64);

/** Names of the dumps: of the newest schema migration that each has, oldest first. */
export function ledgerDumps(order: readonly string[]): readonly string[] {
  const names = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.sql'))
    .map((name) => name.slice(0, -'.sql'.length));
  return names.sort((a, b) => order.indexOf(a) - order.indexOf(b));
}

/** A database as a dump has it. Dropped by `await using`. */
export async function databaseOfDump(name: string): Promise<TestDatabase> {
  const { url: admin } = await postgresServer();
  const database = `test_${randomBytes(6).toString('hex')}`;
  const url = new URL(admin);
  url.pathname = `/${database}`;
  await runSql(admin, `create database ${database} template template0`);
  await runSql(url.href, readFileSync(new URL(`${name}.sql`, FOLDER), 'utf8'));
  const drop = async () => {
    await runSql(admin, `drop database if exists ${database} with (force)`);
  };
  return { url: url.href, name: database, [Symbol.asyncDispose]: drop };
}

/**
 * Leaves a row in every table of the ledger by what users do: loads, batches, backups, a drill, restores, a copy, a
 * schedule, a key, a token, a report. By requests alone, so that it does the same with the code of a later version.
 */
export async function fillLedger({ url, load, post, get }: TestStack): Promise<void> {
  const wait = { prefer: 'wait=50' };
  const must = async (answer: Promise<{ status: number; body: object }>) => {
    const { status, body } = await answer;
    if (status >= 300) throw new Error(`${status}: ${JSON.stringify(body)}`);
    return body as { id: string; key: string };
  };
  await must(load('departments', '1,Support\n2,Engineering\n'));
  await must(load('jobs', '1,Recruiter\n2,Manager\nx,Bad\n'));
  const hires = ['1,Ada,2021-01-01T00:00:00Z,1,1', '2,Grace,2021-05-01T10:00:00Z,2,2'];
  const bad = ['3,,2021-05-01T10:00:00Z,2,2', '4,No,2021-05-01T10:00:00Z,2,9'];
  await must(load('hired_employees', `${[...hires, ...bad].join('\n')}\n`));
  await must(load('jobs', '1,Recruiter\n2,Manager\n3,Clerk\n', { mode: 'merge' }));
  const rows = [{ id: 10, job: 'Baker' }, { id: 'x' }];
  await must(post('/v1/tables/jobs/rows', rows, { 'idempotency-key': 'one' }));
  const { id: backup } = await must(post('/v1/backups', {}, wait));
  await must(post(`/v1/backups/${backup}/pin`));
  await must(post('/v1/tables/jobs/restore', { backup, dryRun: true }, wait));
  await must(post('/v1/tables/jobs/restore', { backup }, wait));
  await must(post('/v1/tables/jobs/restore', { backup, as: 'jobs_then' }, wait));
  await must(post(`/v1/backups/${backup}/verify`, undefined, wait));
  await must(get(`/v1/backups/${backup}/diff?table=jobs`));
  const nightly = { id: 'nightly', kind: 'backup', cron: '0 3 * * *', tables: ['jobs'] };
  await must(post('/v1/schedules', { ...nightly, retention: { keepLast: 3 } }));
  const key = await must(post('/v1/keys', { name: 'writer', scopes: ['write'], tables: ['jobs'] }));
  const basic = Buffer.from(`${key.id}:${key.key}`).toString('base64');
  await fetch(`${url}/v1/tokens`, { method: 'POST', headers: { authorization: `Basic ${basic}` } });
  await must(post('/v1/reports/hires-by-quarter/refresh', undefined, wait));
}

/** Writes a dump: by the pg_dump that `PG_DUMP` names, which has to be as new as the server. */
export function writeDump(name: string, url: string): void {
  const options = ['--no-owner', '--no-privileges', '--inserts', '--rows-per-insert=100'];
  const text = execFileSync(process.env.PG_DUMP ?? 'pg_dump', [...options, url], { encoding: 'utf8' });
  writeFileSync(new URL(`${name}.sql`, FOLDER), plainSql(text));
}

/** Without psql's own commands, comments and blank lines. */
function plainSql(text: string): string {
  const lines = text.split('\n').filter((line) => !/^(\\|--|$)/.test(line));
  return `${lines.join('\n')}\n`;
}

/** Tables of the ledger with their rows, as JSON of the columns that a table had in `of`, or has. */
export async function ledgerRows(
  db: Sql,
  of?: ReadonlyMap<string, LedgerTable>,
): Promise<ReadonlyMap<string, LedgerTable>> {
  const tables = await db.query<{ name: string; columns: string[] }>(TABLES);
  const found = new Map<string, LedgerTable>();
  for (const { name, columns: all } of tables) {
    const columns = of?.get(name)?.columns ?? all;
    const list = columns.map((column) => quoteName(column)).join(', ');
    const rows = await db.query<{ row: string }>(
      `select to_jsonb(r)::text as row from (select ${list} from ${quoteName('longshore', name)}) r order by 1`,
    );
    found.set(name, { columns, rows: rows.map(({ row }) => row) });
  }
  return found;
}

export interface LedgerTable {
  readonly columns: readonly string[];
  readonly rows: readonly string[];
}

const TABLES = `
  select relname::text as name,
         array(select attname::text from pg_attribute
                where attrelid = c.oid and attnum > 0 and not attisdropped order by attname) as columns
    from pg_class c where relnamespace = 'longshore'::regnamespace and relkind = 'r' and relname <> 'schema_migration'`;

/** All that the catalogs say of the ledger's schemas, as one text a fact. */
export async function ledgerCatalog(db: Sql): Promise<readonly string[]> {
  const rows = await db.query<{ fact: string }>(CATALOG);
  return rows.map(({ fact }) => fact);
}

const CATALOG = `
  with s as (select oid, nspname from pg_namespace where nspname in ('longshore', 'longshore_stage', 'longshore_copies')),
  c as (select c.*, nspname from pg_class c join s on s.oid = relnamespace where nspname = 'longshore')
  select concat_ws(' ', 'schema', nspname) as fact from s
  union all
  select concat_ws(' ', 'relation', relname, relkind, relpersistence, reloptions) from c
  union all
  select concat_ws(' ', 'column', relname, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
                   attgenerated, pg_get_expr(adbin, adrelid))
    from c join pg_attribute a on attrelid = c.oid left join pg_attrdef d on adrelid = attrelid and adnum = attnum
   where attnum > 0 and not attisdropped and relkind in ('r', 'v', 'S')
  union all
  select concat_ws(' ', 'constraint', relname, conname, pg_get_constraintdef(k.oid), convalidated)
    from c join pg_constraint k on conrelid = c.oid
  union all
  select concat_ws(' ', 'index', pg_get_indexdef(indexrelid)) from c join pg_index on indrelid = c.oid
  union all
  -- PostgreSQL nests "a or b or c" as it was written, and a dump writes it flat: the parentheses say nothing.
  select concat_ws(' ', 'trigger', relname, translate(pg_get_triggerdef(t.oid), '()', ''))
    from c join pg_trigger t on tgrelid = c.oid where not tgisinternal
  union all
  select concat_ws(' ', 'function', pg_get_functiondef(p.oid)) from pg_proc p join s on s.oid = pronamespace
  union all
  select concat_ws(' ', 'type', typname, typtype) from pg_type t join s on s.oid = typnamespace
   where typrelid = 0 and typcategory <> 'A'
  union all
  select concat_ws(' ', 'statistics', pg_get_statisticsobjdef(e.oid)) from pg_statistic_ext e join s on s.oid = stxnamespace
   order by 1`;
