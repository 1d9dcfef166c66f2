import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import pg from 'pg';
import { openDatabase } from '../../src/db/database.ts';
import { settleHandSessions } from '../../src/db/hand-sessions.ts';
import { migrate } from '../../src/db/migrate.ts';
import { sessionPool } from '../../src/db/session.ts';
import { quoteName, quoteText } from '../../src/db/sql-names.ts';
import { readDictionary } from '../../src/dictionary/read-dictionary.ts';
import { LongshoreError } from '../../src/errors.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import { runSql, testDatabase } from '../support/database.ts';
import { until } from '../support/eventually.ts';
import type { Cleanup } from '../support/home.ts';
import { plainDatabase } from '../support/plain-role.ts';
import { postgresServer } from '../support/servers.ts';
import { type TestStack, testStack } from '../support/stack.ts';

/** Each would lose rows, change values, or end work before its time. */
const HOSTILE: Readonly<Record<string, string>> = {
  default_transaction_isolation: 'repeatable read',
  default_transaction_read_only: 'on',
  default_transaction_deferrable: 'on',
  statement_timeout: '30ms',
  lock_timeout: '1ms',
  transaction_timeout: '500ms',
  idle_in_transaction_session_timeout: '50ms',
  idle_session_timeout: '1s',
  exit_on_error: 'on',
  DateStyle: 'German, DMY',
  IntervalStyle: 'iso_8601',
  TimeZone: 'Pacific/Chatham',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  client_encoding: 'LATIN1',
  xmlbinary: 'hex',
  xmloption: 'document',
  search_path: 'longshore, pg_temp',
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  transform_null_equals: 'on',
  quote_all_identifiers: 'on',
  check_function_bodies: 'off',
  row_security: 'off',
  gin_fuzzy_search_limit: '1',
  restrict_nonsystem_relation_kind: 'view',
  synchronous_commit: 'off',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  plan_cache_mode: 'force_generic_plan',
};

/** What a role sets only where it may. */
const SUPERUSERS: Readonly<Record<string, string>> = {
  session_replication_role: 'replica',
  zero_damaged_pages: 'on',
  ignore_checksum_failure: 'on',
};

const GOOD: Readonly<Record<string, string>> = {
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  statement_timeout: '0',
  lock_timeout: '0',
  transaction_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  exit_on_error: 'off',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  client_encoding: 'UTF8',
  xmlbinary: 'base64',
  xmloption: 'content',
  search_path: 'public',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
  quote_all_identifiers: 'off',
  check_function_bodies: 'on',
  row_security: 'on',
  gin_fuzzy_search_limit: '0',
  restrict_nonsystem_relation_kind: '',
  synchronous_commit: 'on',
  session_replication_role: 'origin',
  zero_damaged_pages: 'off',
  ignore_checksum_failure: 'off',
  client_connection_check_interval: '5000',
};

type Query = (text: string, values: readonly unknown[]) => Promise<Record<string, unknown>[]>;

async function settingsOf(query: Query): Promise<Record<string, unknown>> {
  const rows = await query('select name, setting from pg_settings where name = any ($1)', [
    Object.keys(GOOD),
  ]);
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
}

const bare =
  (client: pg.ClientBase | pg.Pool): Query =>
  async (text, values) =>
    (await client.query(text, [...values])).rows;

/** Runs as the superuser, in the database of the URL, unharmed by what the tests set. */
async function asAdmin(url: string, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({
    connectionString: url,
    options: '-c statement_timeout=0 -c exit_on_error=off',
  });
  await client.connect();
  try {
    await client.query(
      'set default_transaction_read_only = off; set transaction_timeout = 0; set lock_timeout = 0',
    );
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

function hostileFor(what: string, settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(
      ([name, value]) => `alter ${what} set ${name} = ${name === 'search_path' ? value : quoteText(value)};`,
    )
    .join('\n');
}

/** A database whose owner is no superuser, and which gives its sessions these defaults by its role. */
async function hostileRole(t: Cleanup, settings: Readonly<Record<string, string>>): Promise<string> {
  const { url, role } = await plainDatabase(t);
  await runSql((await postgresServer()).url, hostileFor(`role ${role}`, settings));
  return url;
}

async function hostileDatabase(t: Cleanup, settings: Readonly<Record<string, string>>): Promise<string> {
  const { url, name } = await testDatabase(t);
  await runSql((await postgresServer()).url, hostileFor(`database ${quoteName(name)}`, settings));
  return url;
}

describe('a session of PostgreSQL', () => {
  it('has what Longshore needs, of whatever kind it is, although role and database say otherwise', async () => {
    for (const url of [
      await hostileDatabase({ after }, { ...HOSTILE, ...SUPERUSERS }),
      await hostileRole({ after }, HOSTILE),
      // A URL has a word too.
      `${(await testDatabase({ after })).url}?options=-c%20search_path%3Dlongshore%20-c%20statement_timeout%3D30&statement_timeout=30&lock_timeout=1`,
    ]) {
      await migrate(url);
      await ensureTables(url, await readDictionary(undefined));
      await using db = await openDatabase({ url });
      assert.deepEqual(await settingsOf(db.query), GOOD);
      assert.deepEqual(await settingsOf(db.prepared), GOOD);
      assert.deepEqual(
        await settingsOf((text, values) => db.transaction((tx) => tx.query(text, values))),
        GOOD,
      );
      const [own] = await db.transaction((tx) => tx.query('show transaction_isolation'));
      assert.deepEqual(own, { transaction_isolation: 'read committed' });
      const client = await db.connect();
      try {
        assert.deepEqual(await settingsOf(bare(client)), GOOD);
      } finally {
        await client.end();
      }
      const reader = new pg.Pool({
        connectionString: url,
        ...sessionPool(url, { settings: { default_transaction_read_only: 'on', search_path: 'pg_catalog' } }),
      });
      assert.deepEqual(await settingsOf(bare(reader)), {
        ...GOOD,
        default_transaction_read_only: 'on',
        search_path: 'pg_catalog',
      });
      await reader.end();
    }
  });

  it('is refused by name where the role may not take back what turns foreign keys off', async () => {
    const url = await hostileRole({ after }, { session_replication_role: 'replica' });
    await using db = await openDatabase({ url });
    const refused = (error: unknown) =>
      error instanceof LongshoreError &&
      error.code === 'database-settings' &&
      /session_replication_role/.test(error.message);
    await assert.rejects(db.query('select 1'), refused);
    await assert.rejects(db.connect(), refused);
    await asAdmin(
      (await postgresServer()).url,
      `alter role ${quoteName(new URL(url).username)} reset session_replication_role`,
    );
    assert.deepEqual(await db.query('select 1 as n'), [{ n: 1 }]);
  });
});

const departments = '1,Assembly\n2,Größe\n3,C:\\\\new\n';
const jobs = '1,Carpenter\n2,Smith\n';
const hires = (from: number, to: number) =>
  Array.from(
    { length: to - from + 1 },
    (_, i) =>
      `${from + i},Name ${from + i},2021-05-06T07:08:09.123456Z,${1 + ((from + i) % 2)},${1 + ((from + i) % 2)}\n`,
  ).join('');

/** Every main path, the same whatever the defaults are. */
async function mainPaths(stack: TestStack): Promise<void> {
  const { db, get, load, post, rows } = stack;
  const counts = async (...loading: Parameters<TestStack['load']>) => {
    const { status, body } = await load(...loading);
    assert.equal(status, 201, JSON.stringify(body));
    return [body.status, body.rows.loaded, body.rows.rejected, body.rows.unchanged];
  };
  assert.deepEqual(await counts('departments', departments), ['done', 3, 0, 0]);
  assert.deepEqual(await counts('jobs', jobs), ['done', 2, 0, 0]);
  const bad = '98,Nobody,2021-05-06T07:08:09Z,99,1\n1,Twice,2021-05-06T07:08:09Z,1,1\n99,,soon,1,1\n';
  // By swap, by insert, by merge both ways, by replace.
  assert.deepEqual(await counts('hired_employees', hires(1, 40) + bad), ['done', 40, 3, 0]);
  assert.deepEqual(await counts('hired_employees', hires(41, 60)), ['done', 20, 0, 0]);
  assert.deepEqual(await counts('hired_employees', hires(61, 61)), ['done', 1, 0, 0]);
  assert.deepEqual(await counts('hired_employees', hires(1, 70), { mode: 'merge' }), ['done', 9, 0, 61]);
  assert.deepEqual(await counts('departments', departments, { mode: 'replace', force: 'true' }), [
    'done',
    3,
    0,
    0,
  ]);
  assert.deepEqual(await counts('departments', '1,Assembly\n2,Size\n', { mode: 'merge' }), ['done', 1, 0, 1]);

  const backup = await post('/v1/backups', {}, { prefer: 'wait=50' });
  assert.equal(backup.status, 201, JSON.stringify(backup.body));
  const before = await rows('hired_employees');
  assert.equal(before.length, 70);
  assert.deepEqual(before[0], {
    id: '1',
    name: 'Name 1',
    datetime: new Date('2021-05-06T07:08:09.123Z'),
    department_id: '2',
    job_id: '2',
    _load_id: before[0]?._load_id,
    _line: '1',
  });

  const batch = await post('/v1/tables/hired_employees/rows', [
    { id: 100, name: 'Batch', datetime: '2021-01-02T03:04:05Z', department_id: 1, job_id: 1 },
    { id: 101, name: 'Batch', datetime: '2021-01-02T03:04:05Z', department_id: 99, job_id: 1 },
    { id: 102, name: 'NULL', datetime: '2021-01-02T03:04:05+12:45', department_id: 3, job_id: 2 },
  ]);
  assert.equal(batch.status, 200, JSON.stringify(batch.body));
  const shown = await get('/v1/tables/hired_employees/rows?limit=2&after=WyIxMDAiXQ');
  assert.deepEqual(
    (shown.body as unknown as { rows: { id: number; name: string; datetime: string }[] }).rows.map(
      ({ id, name, datetime }) => [id, name, datetime],
    ),
    [[102, 'NULL', '2021-01-01T14:19:05.000000Z']],
  );
  await post('/v1/reports/hires-by-quarter/refresh', undefined, { prefer: 'wait=30' });
  const report = await until(
    () => get('/v1/reports/hires-by-quarter?year=2021'),
    ({ body }) => JSON.stringify(body).includes('"Q1":1'),
  );
  assert.match(JSON.stringify(report.body), /"Q1":1,"Q2":35/);

  const restored = await post(
    `/v1/tables/hired_employees/restore`,
    { backup: 'latest' },
    { prefer: 'wait=50' },
  );
  assert.equal(restored.status, 201, JSON.stringify(restored.body));
  assert.deepEqual(await rows('hired_employees'), before);

  const key = await post('/v1/keys', { name: 'reader', scopes: ['read'] });
  assert.equal(key.status, 201, JSON.stringify(key.body));
  assert.equal((await get('/v1/schedules')).status, 200);
  assert.equal((await get('/v1/audit')).status, 200);
  assert.deepEqual(
    await db.query(
      `select relname from pg_class where relnamespace = 'longshore_stage'::regnamespace and relkind = 'r'`,
    ),
    [],
  );
}

describe('a role with hostile defaults', () => {
  it('loads, batches, backups, restores, reports and keys do what they always do', async (t) => {
    await mainPaths(await testStack(t, undefined, { env: { DATABASE_URL: await hostileRole(t, HOSTILE) } }));
  });
});

describe('a database with hostile defaults', async () => {
  const url = await hostileDatabase(
    { after },
    { ...HOSTILE, ...SUPERUSERS, default_transaction_isolation: 'serializable' },
  );
  const stack = await testStack({ after }, undefined, { env: { DATABASE_URL: url } });

  it('loads, batches, backups, restores, reports and keys do what they always do', () => mainPaths(stack));

  it('an append keeps the row that another session commits while it waits for the table', async () => {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    try {
      await client.query(
        'set idle_in_transaction_session_timeout = 0; set transaction_timeout = 0; set statement_timeout = 0; set idle_session_timeout = 0',
      );
      for (const [id, from, to] of [
        [2001, 3001, 3100], // swapped in
        [2002, 4001, 4001], // inserted
      ] as const) {
        await client.query('begin read write');
        await client.query(
          `insert into public.hired_employees (id, name, datetime, department_id, job_id) values (${id}, 'By hand', '01.01.2021', 1, 1)`,
        );
        const loading = stack.load('hired_employees', hires(from, to));
        const waiting = await until(
          () =>
            stack.db.query(
              `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
            ),
          (rows) => rows.length > 0,
        );
        assert.equal(waiting.length, 1);
        await client.query('commit');
        assert.equal((await loading).body.rows.loaded, to - from + 1);
        assert.equal((await stack.rows('hired_employees')).filter((row) => Number(row.id) === id).length, 1);
      }
    } finally {
      await client.end();
    }
  });
});

describe('a session by hand', () => {
  it('begins among the data tables, also where the role is called as the ledger is', async (t) => {
    const { url } = await testDatabase(t);
    const schemaOf = (name: string) =>
      asAdmin(
        url,
        `select relnamespace::regnamespace::text as schema from pg_class where relname = '${name}'`,
      );
    await asAdmin(url, 'create table before_it ()');
    assert.equal((await schemaOf('before_it')).rows[0]?.schema, 'longshore', 'by the default of PostgreSQL');
    await using db = await openDatabase({ url });
    assert.deepEqual(await settleHandSessions(db), {
      role: 'longshore',
      schema: 'longshore',
      changed: true,
    });
    await asAdmin(url, 'create table after_it ()');
    assert.equal((await schemaOf('after_it')).rows[0]?.schema, 'public');
    assert.equal(await settleHandSessions(db), null);
  });

  it('begins where somebody has chosen', async (t) => {
    const { url, name } = await testDatabase(t);
    await runSql(url, `alter database ${name} set search_path = longshore`);
    await using db = await openDatabase({ url });
    assert.equal(await settleHandSessions(db), null);
  });

  it('of a role that is called otherwise begins among the data tables anyway', async (t) => {
    const { url } = await plainDatabase(t);
    await migrate(url);
    await using db = await openDatabase({ url });
    assert.equal(await settleHandSessions(db), null);
  });
});
