import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import pg from 'pg';
import { startPostgres } from '../src/runtime/postgres.ts';
import { isRunning } from '../src/runtime/processes.ts';
import { testHome } from './support/home.ts';

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

test('after kill -9 of the server, while a backend is at work, the next start recovers', async (t) => {
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
