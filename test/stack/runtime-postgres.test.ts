import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import pg from 'pg';
import { startPostgres } from '../../src/platform/postgres.ts';
import { isRunning } from '../../src/runtime/processes.ts';
import { testHome } from '../support/home.ts';

const quiet = { info: () => undefined, warn: () => undefined };

test('rows, port and password are the same after a stop and a start', async (t) => {
  const home = await testHome(t);
  const first = await startPostgres({ home, log: quiet });
  await query(first.url, 'create table kept as select 42 as n');
  await first.stop();
  assert.equal(isRunning(first.pid), false);

  const second = await startPostgres({ home, log: quiet });
  assert.equal(second.url, first.url);
  assert.deepEqual(await query(second.url, 'select n from kept'), [{ n: 42 }]);
  await second.stop();
});

test('only its owner can read the password', async (t) => {
  const home = await testHome(t);
  const postgres = await startPostgres({ home, log: quiet });
  await postgres.stop();
  assert.equal(statSync(join(home, 'keys')).mode & 0o777, 0o700);
  assert.equal(statSync(join(home, 'keys', 'postgres.password')).mode & 0o777, 0o600);
});

test('the next start recovers after kill -9 of the server while a backend is at work', async (t) => {
  const home = await testHome(t);
  const first = await startPostgres({ home, log: quiet });
  await query(first.url, 'create table kept as select 42 as n');
  // This backend does not look up for many seconds, and would keep a new server from starting.
  const busy = query(first.url, 'select count(*) from generate_series(1, 1000000000)').catch(() => 'cut');
  await query(first.url, 'select pg_sleep(0.3)');
  process.kill(first.pid, 'SIGKILL');
  assert.equal((await first.exited).signal, 'SIGKILL');

  const second = await startPostgres({ home, log: quiet });
  assert.deepEqual(await query(second.url, 'select n from kept'), [{ n: 42 }]);
  assert.equal(await busy, 'cut');
  await second.stop();
});

test('a server that a killed run left behind is stopped, and the port stays', async (t) => {
  const home = await testHome(t);
  const orphan = await startPostgres({ home, log: quiet });
  const next = await startPostgres({ home, log: quiet });
  assert.equal(isRunning(orphan.pid), false);
  assert.equal(next.port, orphan.port);
  await next.stop();
});

test("a stale postmaster.pid with somebody else's process ID stops nobody", async (t) => {
  const home = await testHome(t);
  const first = await startPostgres({ home, log: quiet });
  await first.stop();
  const data = join(home, 'postgres', 'data');
  // Of the user that PostgreSQL runs as: such a process ID is what makes PostgreSQL itself refuse.
  const { uid, gid } = statSync(data);
  const stranger = spawn('sleep', ['60'], { uid, gid, cwd: '/' });
  t.after(() => stranger.kill());
  writeFileSync(
    join(data, 'postmaster.pid'),
    `${stranger.pid}\n${data}\n1700000000\n${first.port}\n\n127.0.0.1\n`,
  );

  const second = await startPostgres({ home, log: quiet });
  await second.stop();
  assert.equal(stranger.exitCode ?? stranger.signalCode, null, 'the stranger still runs');
});

test("Longshore's own role owns its database and can do nothing to the server or the host", async (t) => {
  const home = await testHome(t);
  const first = await startPostgres({ home, log: quiet });
  t.after(() => first.stop());
  const may = await query(
    first.url,
    `select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls as more,
            pg_has_role('longshore_reader', 'SET') as reads from pg_roles where rolname = current_user`,
  );
  assert.deepEqual(may, [{ more: false, reads: true }]);
  await query(first.url, 'set session_replication_role = replica');
  for (const statement of [
    `select pg_read_file('/etc/passwd')`,
    `copy (select 1) to program 'true'`,
    `copy (select 1) to '/tmp/never'`,
    'alter system set work_mem = 1',
    'create role another',
    'create database another',
    'select rolpassword from pg_authid',
    'set role longshore',
  ]) {
    await assert.rejects(query(first.url, statement), { code: '42501' }, statement);
  }
});

test('tables that are made by hand are data tables, whoever makes them', async (t) => {
  const home = await testHome(t);
  const first = await startPostgres({ home, log: quiet });
  // As an earlier version left it.
  await query(first.adminUrl, 'alter database longshore reset search_path');
  await query(first.url, 'create schema longshore; create schema longshore_app');
  await first.stop();
  const second = await startPostgres({ home, log: quiet });
  await query(second.adminUrl, 'create table by_superuser ()');
  await query(second.url, 'create table by_owner ()');
  const tables = `select relnamespace::regnamespace::text as schema from pg_class where relname like 'by\\_%'`;
  assert.deepEqual(await query(second.url, tables), [{ schema: 'public' }, { schema: 'public' }]);
  await query(second.url, 'alter database longshore set search_path = chosen');
  await second.stop();
  const third = await startPostgres({ home, log: quiet });
  t.after(() => third.stop());
  assert.deepEqual(await query(third.url, 'show search_path'), [{ search_path: 'chosen' }]);
});

test('the role becomes owner of what a superuser made in the database, as earlier versions did', async (t) => {
  const home = await testHome(t);
  const first = await startPostgres({ home, log: quiet });
  await query(
    first.adminUrl,
    `create schema "Odd one"; create table "Odd one"."t'x" (id serial primary key, n int generated always as identity);
     create table public.parent (id int, at date) partition by range (at);
     create table public.part partition of public.parent for values from ('2020-01-01') to ('2021-01-01');
     create view public.v as select 1 as n; create materialized view public.m as select 1 as n;
     create sequence public.free; create type public.mood as enum ('good'); create domain public.small as int;
     create type public.pair as (a int, b int); create statistics public.st on id, at from public.parent;
     create function public.f(int, text) returns int language sql as 'select 1';
     create procedure public.p() language sql as 'select 1';
     create aggregate public.a(int) (sfunc = int4pl, stype = int)`,
  );
  await first.stop();
  const second = await startPostgres({ home, log: quiet });
  t.after(() => second.stop());
  const left = await query(
    second.adminUrl,
    `select pg_describe_object('pg_class'::regclass, oid, 0) as what from pg_class
      where relowner = 10 and oid >= 16384 and relkind <> 't'
     union all select proname from pg_proc where proowner = 10 and oid >= 16384
     union all select typname from pg_type where typowner = 10 and oid >= 16384
     union all select stxname from pg_statistic_ext where stxowner = 10
     union all select nspname from pg_namespace where nspowner = 10 and oid >= 16384`,
  );
  assert.deepEqual(left, []);
  await query(second.url, `alter table "Odd one"."t'x" add column more int; drop table public.parent`);
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined); // a killed server; the query itself rejects
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
