import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { SAMPLE_DICTIONARY } from '../../src/dictionary/read-dictionary.ts';
import { POSTGRES_DATABASE, POSTGRES_ROLE } from '../../src/platform/postgres-cluster.ts';
import { POSTGRES_APP_ROLE } from '../../src/platform/postgres-roles.ts';
import { postgresPasswordPath, readState } from '../../src/runtime/home.ts';
import { sfc32 } from '../../src/sample/random.ts';
import { databaseUrl } from '../support/database-url.ts';
import { until } from '../support/eventually.ts';
import { testHome } from '../support/home.ts';
import { testPlatform } from '../support/platform.ts';
import { StormGenerator } from '../support/storm/batches.ts';
import { Beside } from '../support/storm/beside.ts';
import { type StormLog, sendUntil, type Target } from '../support/storm/client.ts';
import { loadReferences } from '../support/storm/references.ts';
import { assertExactly } from '../support/storm/verdict.ts';

const CLIENTS = 8;
const SEED = 77;
/** How long each fault lasts at least. */
const FAULT_MS = 6_000;
const OWN = ['locked', 'loaded', 'restored', 'untouched'] as const;

/** One table is locked, the role's connections are limited, PostgreSQL restarts; meanwhile everything is under way. */
describe('a storm of batches, loads, a backup and a restore', () => {
  it('leaves exact counts, and everything untouched is answered as always beside a locked table', async (t) => {
    const home = await testHome({ after });
    const sample = JSON.parse(readFileSync(SAMPLE_DICTIONARY, 'utf8')) as { resources: object[] };
    const LONGSHORE_DICTIONARY = join(home, 'datapackage.json');
    const resources = [...sample.resources, ...OWN.map(tableOf)];
    await writeFile(LONGSHORE_DICTIONARY, JSON.stringify({ ...sample, resources }));
    const env = { LONGSHORE_DICTIONARY, LONGSHORE_RATE: '1000000', LONGSHORE_BURST: '1000000' };
    const platform = await testPlatform({ after }, { home, env });
    const target: Target = { url: platform.apiUrl, key: platform.adminKey };
    const beside = new Beside(target);
    await loadReferences(target);
    for (const table of ['untouched', 'restored', 'locked']) await beside.load(table, 300);
    const saved = await beside.backup(['restored']);
    await beside.load('restored', 50);

    const log: StormLog = { answered: [], unanswered: [], refused: [], retries: new Map() };
    const over = new AbortController();
    let calm = true;
    const clients = Array.from({ length: CLIENTS }, (_, client) => {
      const random = sfc32(SEED + client);
      return sendUntil(over.signal, { target, random, generator: new StormGenerator(random, client), log });
    });
    const watched = [
      '/healthz',
      '/readyz',
      '/metrics',
      '/v1/tables',
      '/v1/loads',
      '/v1/tables/untouched/rows?limit=5',
    ];
    const watching = beside.watch(watched, over.signal, () => calm);
    const again = async (work: () => Promise<unknown>) => {
      while (!over.signal.aborted) await work();
    };
    const going = Promise.all([
      ...clients,
      watching,
      again(() => beside.load('loaded', 500)),
      again(() => beside.backup(['untouched', 'departments'])),
    ]);
    // It is awaited at the end; a failure shows there.
    going.catch(() => undefined);

    const waiting: Promise<unknown>[] = [];
    try {
      const holder = await admin(home, 'psql of a test');
      await holder.query('begin; lock table locked in access exclusive mode');
      const load = await beside.start('/v1/tables/locked/loads', 'text/csv', 'id,name\n-1,late\n');
      waiting.push(beside.done(load), beside.backup(['locked']));
      const restore = await beside.start(
        `${saved}/restore`,
        'application/json',
        '{"tables":["restored"],"safety":false}',
      );
      const locked = await until(
        () => beside.job(load),
        ({ waitingFor }) => waitingFor?.code === 'table-locked',
      );
      assert.match(locked.waitingFor?.message ?? '', /^locked is locked by process \d+ \(psql of a test/);
      await beside.done(restore);
      await sleep(FAULT_MS);

      // From now on anything may be refused for a while.
      calm = false;
      const limiter = await admin(home, 'limiter');
      await limiter.query(`alter role ${POSTGRES_APP_ROLE} connection limit 2`);
      await limiter.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
        POSTGRES_APP_ROLE,
      ]);
      await sleep(FAULT_MS);
      await limiter.query(`alter role ${POSTGRES_APP_ROLE} connection limit -1`);
      await limiter.end();
      await Promise.race([going, answers(log)]);

      platform.kill('postgres');
      // The lock goes with it.
      await holder.end().catch(() => undefined);
      await Promise.race([going, answers(log)]);
      await Promise.all(waiting);
    } finally {
      over.abort();
    }
    const results = await going;

    const rows = await assertExactly(databaseUrl(home), log);
    const db = await admin(home, 'verdict');
    const counts: Record<string, number> = {};
    for (const table of OWN) {
      const found = await db.query<{ n: number; ids: number }>(
        `select count(*)::int as n, count(distinct id)::int as ids from ${table}`,
      );
      counts[table] = found.rows[0]!.n;
      assert.equal(found.rows[0]!.ids, found.rows[0]!.n);
    }
    const { rows: failed } = await db.query<{ what: string }>(
      `select 'load ' || id as what from longshore.load where status <> 'done'
       union all select 'backup ' || id from longshore.backup where status <> 'done'
       union all select 'restore ' || id from longshore.restore where status <> 'done'`,
    );
    await db.end();
    assert.deepEqual(failed, []);
    assert.deepEqual(counts, {
      locked: 301,
      loaded: beside.rows.get('loaded'),
      restored: 300,
      untouched: 300,
    });
    t.diagnostic(
      `${log.answered.length} batches answered, ${log.unanswered.length} without key or answer, ${rows} rows; ` +
        `${beside.ended.length} jobs done; ${results[CLIENTS]} answers watched; ` +
        `tried again: ${[...log.retries].map(([why, times]) => `${why} ${times}`).join(', ')}`,
    );
    assert.equal(await platform.stop(), 0);
  });
});

/** The superuser's, which no limit of the role keeps out. */
async function admin(home: string, name: string): Promise<pg.Client> {
  const password = readFileSync(postgresPasswordPath(home), 'utf8').trim();
  const client = new pg.Client({
    host: '127.0.0.1',
    port: readState(home).postgresPort,
    user: POSTGRES_ROLE,
    password,
    database: POSTGRES_DATABASE,
    application_name: name,
    options: '-c search_path=public',
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** So many answers that some are of batches that were begun after now. */
async function answers(log: StormLog): Promise<void> {
  const wanted = log.answered.length + 3 * CLIENTS;
  const found = await until(
    async () => log.answered.length,
    (length) => length >= wanted,
  );
  assert.ok(found >= wanted, 'there are no answers any more');
}

function tableOf(name: string) {
  const fields = [
    { name: 'id', type: 'integer' },
    { name: 'name', type: 'string' },
  ];
  return { name, schema: { fields, primaryKey: 'id' } };
}
