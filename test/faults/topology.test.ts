import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import pg from 'pg';
import { freePort } from '../../src/platform/ports.ts';
import { startPostgres } from '../../src/platform/postgres.ts';
import { startTemporal } from '../../src/platform/temporal.ts';
import { sfc32 } from '../../src/sample/random.ts';
import { balancerOf } from '../support/balancer.ts';
import { until } from '../support/eventually.ts';
import { type Cleanup, testHome } from '../support/home.ts';
import { type OwnProcess, ownProcess } from '../support/own-process.ts';
import { s3Fault, testS3 } from '../support/s3.ts';
import { TEST_PAYLOAD_KEY } from '../support/sealed.ts';
import { DEPARTMENTS, StormGenerator } from '../support/storm/batches.ts';
import { type StormLog, sendUntil, type Target } from '../support/storm/client.ts';
import { expectedRows, type LoadLog, loadUntil } from '../support/storm/loads.ts';
import { loadReferences } from '../support/storm/references.ts';
import { assertExactly, assertNothingRuns, assertReplays } from '../support/storm/verdict.ts';

const CLIENTS = 6;
const SEED = 77;
/** Of the log of a process that did not stop well. */
const LAST_CHARACTERS = 4_000;
const REPLAYS = 100;
const PASSWORD = 'a password, of the test';
const ADMIN_KEY = 'an admin key for this test only';
const OPERATIONS = new URL('../../docs/operations.md', import.meta.url);
const quiet = { info: () => undefined, warn: () => undefined };

/** What an administrator runs by the documentation, with a name and a password. */
function administratorsSql(name: string): string[] {
  const section = readFileSync(OPERATIONS, 'utf8').split('\n### The database role\n')[1] ?? '';
  const [, sql = ''] = /```sql\n([^`]+)```/.exec(section) ?? [];
  const statements = sql
    .replaceAll(/\blongshore\b/g, name)
    .replace("'…'", pg.escapeLiteral(PASSWORD))
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
  assert.equal(statements.length, 4, sql);
  return statements;
}

async function run(url: string, statements: readonly string[]): Promise<pg.QueryResult[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const results = [];
    for (const statement of statements) results.push(await client.query(statement));
    return results;
  } finally {
    await client.end();
  }
}

const fault = s3Fault();

/** Two APIs behind a load balancer and three workers, with each server apart: restarted and killed, one after another. */
describe('Longshore on servers of its own', { skip: fault ?? false }, () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  const t: Cleanup = { after: (action) => void cleanups.unshift(async () => action()) };
  after(async () => {
    for (const cleanup of cleanups) await cleanup();
  });

  it('loses and doubles no row, and answers, whichever process or server restarts or dies', async (test) => {
    const [postgresHome, temporalHome] = [await testHome(t), await testHome(t)];
    const folder = mkdtempSync(join(tmpdir(), 'longshore-topology-'));
    t.after(async () => rmSync(folder, { recursive: true, force: true }));
    let [postgres, temporal] = await Promise.all([
      startPostgres({ home: postgresHome, log: quiet, settings: { fsync: 'off' } }),
      startTemporal({ home: temporalHome, log: quiet }),
    ]);
    const s3 = await testS3(t);
    // The embedded server comes with the role; the administrator of one of one's own has to make it.
    await run(postgres.adminUrl, ['drop role longshore_reader', ...administratorsSql('plain')]);
    const databaseUrl = new URL(postgres.url);
    Object.assign(databaseUrl, {
      username: 'plain',
      password: encodeURIComponent(PASSWORD),
      pathname: '/plain',
    });

    const env = {
      DATABASE_URL: databaseUrl.href,
      TEMPORAL_ADDRESS: temporal.address,
      LONGSHORE_STORAGE: await s3.storageUrl('topology'),
      AWS_ACCESS_KEY_ID: String(s3.keys.accessKeyId),
      AWS_SECRET_ACCESS_KEY: String(s3.keys.secretAccessKey),
      LONGSHORE_PAYLOAD_KEY: TEST_PAYLOAD_KEY,
      LONGSHORE_ADMIN_KEY: ADMIN_KEY,
      LONGSHORE_RATE: '1000000',
      LONGSHORE_BURST: '1000000',
      LONGSHORE_DRAIN_SECONDS: '1',
    };
    const process_ = async (kind: 'api' | 'worker', number: number) =>
      ownProcess(t, { kind, name: `${kind}-${number}`, port: await freePort(), folder, env });
    const [one, two] = [await process_('api', 1), await process_('api', 2)];
    const workers = [await process_('worker', 1), await process_('worker', 2), await process_('worker', 3)];
    const all = [one, two, ...workers];
    // All at once, on an empty database: the schema migrations are made once, and workers wait for them.
    await Promise.all(all.map((started) => started.start()));
    const balancer = await balancerOf(t, [one.url, two.url]);

    const target: Target = { url: balancer.url, key: ADMIN_KEY };
    await loadReferences(target);
    const log: StormLog = { answered: [], unanswered: [], refused: [], retries: new Map() };
    const loads: LoadLog = { done: [], retries: new Map() };
    const over = new AbortController();
    const work = Promise.all([
      ...Array.from({ length: CLIENTS }, (_, client) => {
        const random = sfc32(SEED + client);
        const generator = new StormGenerator(random, client);
        return sendUntil(over.signal, { target, random, generator, log });
      }),
      loadUntil(over.signal, target, loads),
    ]);
    // It is looked at between the faults; until then a failure has to wait.
    work.catch(() => undefined);
    /** Batches that were begun after now are answered, and the load under way is done. */
    const goesOn = async ({ withLoads = true } = {}) => {
      const [batches, files] = [log.answered.length + 2 * CLIENTS, loads.done.length + 1];
      const isOn = async () => log.answered.length >= batches && (!withLoads || loads.done.length >= files);
      const seen = await Promise.race([work, until(isOn, (on) => on)]);
      assert.equal(seen, true, `nothing goes on: ${log.answered.length} batches, ${loads.done.length} loads`);
    };
    const away = async (api: OwnProcess) => {
      const response = await fetch(`${api.url}/readyz`);
      return { status: response.status, away: ((await response.json()) as { away: string[] }).away };
    };
    const missesOnly = async (api: OwnProcess, dependency: string) => {
      const told = await until(
        () => away(api),
        (seen) => seen.away.join() === dependency,
      );
      assert.deepEqual(told, { status: 200, away: [dependency] });
    };
    const report = async (api: OwnProcess) =>
      (
        await fetch(`${api.url}/v1/reports/hires-by-quarter?year=2021`, {
          headers: { 'x-api-key': ADMIN_KEY },
        })
      ).status;

    /** Retries but those that a batch that is asked for without waiting, or twice, brings about by itself. */
    const noticed = () =>
      [...log.retries, ...loads.retries].filter(([why]) => !['202', 'idempotency-key-in-use'].includes(why));

    const faults: Readonly<Record<string, () => Promise<void>>> = {
      // What operators do at each upgrade: nobody may notice.
      'restarts of each API, and of a worker': async () => {
        await goesOn();
        const before = noticed();
        const worker = workers[0]!.stop().then(async (code) => {
          assert.equal(code, 0);
          await workers[0]!.start();
        });
        for (const api of [one, two]) {
          assert.equal(await api.stop(), 0);
          await api.start();
          await until(
            async () => balancer.ready().length,
            (ready) => ready === 2,
          );
        }
        await worker;
        assert.deepEqual(noticed(), before, 'a request was cut off or refused');
      },
      'the death of an API': async () => {
        await one.kill();
        assert.equal(await report(two), 200);
        await goesOn();
        await one.start();
      },
      'the death of a worker': async () => {
        await workers[1]!.kill();
        await goesOn();
        await workers[1]!.start();
      },
      'the death of the S3 server': async () => {
        await s3.kill();
        await missesOnly(one, 'storage');
        await goesOn({ withLoads: false });
        await s3.start();
      },
      'the death of Temporal': async () => {
        process.kill(temporal.pid, 'SIGKILL');
        await temporal.exited;
        await missesOnly(two, 'temporal');
        assert.equal(await report(two), 200);
        const { port, uiPort } = temporal;
        temporal = await startTemporal({ home: temporalHome, log: quiet, ports: { port, uiPort } });
      },
      'the death of PostgreSQL': async () => {
        process.kill(postgres.pid, 'SIGKILL');
        await postgres.exited;
        await missesOnly(one, 'postgres');
        const metrics = await fetch(`${one.url}/metrics`, { headers: { 'x-api-key': ADMIN_KEY } });
        assert.equal(metrics.status, 200);
        assert.match(await metrics.text(), /^longshore_dependency_up\{dependency="postgres"\} 0$/m);
        const { port } = postgres;
        postgres = await startPostgres({ home: postgresHome, log: quiet, port, settings: { fsync: 'off' } });
      },
    };
    const took: string[] = [];
    try {
      for (const [name, make] of Object.entries(faults)) {
        const begunAtMs = performance.now();
        await make();
        await goesOn();
        took.push(`${name} ${((performance.now() - begunAtMs) / 1000).toFixed(1)} s`);
      }
    } finally {
      over.abort();
    }
    await work;

    const replays = await assertReplays(target, log, REPLAYS);
    const rows = await assertExactly(databaseUrl.href, log);
    const [
      {
        rows: [found],
      } = { rows: [] },
    ] = await run(databaseUrl.href, [
      `select count(*)::int as rows, count(distinct id)::int as ids,
              (select count(*)::int from longshore.load where table_name = 'departments' and status = 'done') as loads,
              (select count(*)::int from longshore.load where finished_at is null) as unfinished
         from departments where id > ${DEPARTMENTS}`,
    ]);
    const expected = expectedRows(loads);
    // The references were a load as well.
    assert.deepEqual(found, { rows: expected, ids: expected, loads: loads.done.length + 1, unfinished: 0 });
    await assertNothingRuns(temporal.address);
    test.diagnostic(
      `${log.answered.length} batches answered, ${log.unanswered.length} without key or answer, ${log.refused.length} ` +
        `refused, ${rows} rows, ${replays} replays; ${loads.done.length} loads of ${expected} rows; ${took.join(', ')}; ` +
        `tried again: ${[...log.retries, ...loads.retries].map(([why, times]) => `${why} ${times}`).join(', ')}`,
    );

    const codes = await Promise.all(all.map((process) => process.stop()));
    const ends = all.flatMap((process, i) => (codes[i] === 0 ? [] : [process.log().slice(-LAST_CHARACTERS)]));
    assert.deepEqual(codes, [0, 0, 0, 0, 0], ends.join('\n\n'));
    for (const worker of workers) assertLines(worker.log(), 'worker');
    for (const api of [one, two]) assertLines(api.log(), 'api');
  });
});

/** Each line names its process; none has a secret. */
function assertLines(text: string, name: string): void {
  for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), ADMIN_KEY, TEST_PAYLOAD_KEY]) {
    assert.ok(!text.includes(secret), `a secret is in the log of ${name}`);
  }
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const { process, host, pid } of lines) {
    assert.deepEqual([process, host, typeof pid], [name, hostname(), 'number']);
  }
}
