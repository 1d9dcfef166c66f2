import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Database } from '../../src/db/database.ts';
import {
  addDependencyMetrics,
  type DependencyDeps,
  watchDependencies,
} from '../../src/metrics/dependencies.ts';
import { addLedgerMetrics } from '../../src/metrics/ledger-metrics.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createReadiness } from '../../src/metrics/readiness.ts';
import { readSdkMetrics } from '../../src/temporal/sdk-metrics.ts';

const samples = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const rows = { sent: 10, accepted: 7, rejected: 2, discarded: 1 };

describe('metrics', () => {
  it('count batches and groups by table', async () => {
    const metrics = createMetrics();
    metrics.batchEnded({ table: 'jobs', rows, seconds: 0.02 });
    metrics.batchEnded({ table: 'jobs', rows: { ...rows, sent: null }, seconds: 0.02 });
    metrics.groupCommitted({ table: 'jobs', batches: 3, rows: 30, seconds: 0.1 });
    metrics.watchQueue(() => ({ batches: 4, bytes: 4096 }));
    const found = samples(await metrics.text());
    for (const expected of [
      'longshore_batch_rows_total{table="jobs",outcome="accepted"} 14',
      'longshore_batch_rows_total{table="jobs",outcome="rejected"} 4',
      'longshore_batch_rows_total{table="jobs",outcome="discarded"} 2',
      'longshore_batch_size_rows_sum{table="jobs"} 10',
      'longshore_batch_duration_seconds_count{table="jobs"} 2',
      'longshore_group_size_batches_sum{table="jobs"} 3',
      'longshore_group_size_rows_sum{table="jobs"} 30',
      'longshore_group_commit_duration_seconds_sum{table="jobs"} 0.1',
      'longshore_queue_batches 4',
      'longshore_queue_bytes 4096',
    ]) {
      assert.ok(found.includes(expected), `${expected}\n${found.join('\n')}`);
    }
  });

  it('are of a bounded size whatever the number of tables, and count those beyond together', async () => {
    const sizeWith = async (tables: number) => {
      const metrics = createMetrics();
      const names = Array.from({ length: tables }, (_, n) => `t${n}`);
      for (const table of names) {
        metrics.batchEnded({ table, rows, seconds: 0.02 });
        metrics.groupCommitted({ table, batches: 1, rows: 10, seconds: 0.02 });
      }
      const ledger = names.map((table) => ({
        table,
        status: 'done',
        loads: 1,
        loaded: 2,
        rejected: 0,
        unchanged: 0,
        discarded: 0,
      }));
      addLedgerMetrics(
        metrics.registry,
        { query: (async () => ledger) as unknown as Database['query'] },
        names,
      );
      return metrics.text();
    };
    const [some, many, thousands] = [await sizeWith(5), await sizeWith(1000), await sizeWith(3000)];
    assert.ok(many.length < 250_000, `${many.length} bytes`);
    assert.ok(thousands.length < many.length * 1.02, `${thousands.length} bytes, ${many.length}`);
    assert.ok(!some.includes('_other'));
    for (const expected of [
      'longshore_batch_size_rows_count{table="t9"} 1',
      'longshore_batch_size_rows_count{table="_other"} 990',
      'longshore_batch_rows_total{table="_other",outcome="accepted"} 5600',
      'longshore_loads{table="t199",status="done"} 1',
      'longshore_loads{table="_other",status="done"} 800',
      'longshore_load_rows_total{table="_other",outcome="loaded"} 1600',
    ]) {
      assert.ok(samples(many).includes(expected), expected);
    }
  });

  it('have no labels that a client made up', async () => {
    const metrics = createMetrics();
    for (const method of ['BREW', 'PROPFIND']) {
      metrics.requestEnded({ method, route: null, status: 404, code: 'not-found', seconds: 0 });
    }
    metrics.requestEnded({ method: 'GET', route: '/v1/loads', status: null, code: null, seconds: 1 });
    const counts = samples(await metrics.text()).filter((line) => /_count|problems/.test(line));
    assert.deepEqual(counts, [
      'longshore_http_request_duration_seconds_count{method="none",route="none",status="404"} 2',
      'longshore_http_request_duration_seconds_count{method="GET",route="/v1/loads",status="0"} 1',
      'longshore_http_problems_total{route="none",code="not-found"} 2',
    ]);
  });

  it('ask the ledger once for many scrapes, and do without it while it is away', async () => {
    let asked = 0;
    const count = {
      table: 'jobs',
      status: 'done',
      loads: 2,
      loaded: 5,
      rejected: 1,
      unchanged: 0,
      discarded: 0,
    };
    const there = createMetrics();
    const answer = async () => {
      asked += 1;
      return [count];
    };
    addLedgerMetrics(there.registry, { query: answer as unknown as Database['query'] });
    const [first, second] = await Promise.all([there.text(), there.text()]);
    assert.equal(asked, 1);
    assert.equal(first, second);
    assert.deepEqual(samples(await there.text()), [
      'longshore_ledger_up 1',
      'longshore_loads{table="jobs",status="done"} 2',
      'longshore_load_rows_total{table="jobs",outcome="loaded"} 5',
      'longshore_load_rows_total{table="jobs",outcome="rejected"} 1',
      'longshore_load_rows_total{table="jobs",outcome="unchanged"} 0',
      'longshore_load_rows_total{table="jobs",outcome="discarded"} 0',
    ]);

    const away = createMetrics();
    const fail = () => Promise.reject(new Error('gone'));
    addLedgerMetrics(away.registry, { query: fail as Database['query'] });
    assert.deepEqual(samples(await away.text()), ['longshore_ledger_up 0']);
  });

  it("hand on those of Temporal's SDK, and do without them when they do not come", async () => {
    const answers = [
      { status: 200, body: 'temporal_x 1\n' },
      { status: 500, body: 'oh' },
    ];
    const server = createServer((_req, res) => {
      const { status, body } = answers.shift() ?? { status: 200, body: '' };
      res.writeHead(status).end(body);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const metrics = createMetrics(() => readSdkMetrics(address));
    assert.match(await metrics.text(), /^temporal_x 1$/m);
    assert.doesNotMatch(await metrics.text(), /oh/);
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    assert.doesNotMatch(await metrics.text(), /temporal/);
  });
});

/** PostgreSQL, Temporal and a storage that do what a test says. */
function fakeDependencies(answers: Record<'postgres' | 'temporal' | 'storage', () => Promise<unknown>>) {
  return watchDependencies({
    db: { query: answers.postgres as Database['query'], refused: () => null },
    connection: {
      workflowService: { describeNamespace: answers.temporal },
    } as unknown as DependencyDeps['connection'],
    namespace: 'default',
    storage: { stat: answers.storage as DependencyDeps['storage']['stat'] },
  });
}

describe('readiness', () => {
  const well = async () => null;
  const refused = () =>
    Promise.reject(Object.assign(new Error('10.0.0.7 refused'), { code: 'ECONNREFUSED' }));

  it('is that of the process, whatever it depends on', async () => {
    let phase: 'starting' | 'serving' | 'stopping' = 'serving';
    let state: 'RUNNING' | 'FAILED' = 'RUNNING';
    const ready = createReadiness({
      phase: () => phase,
      workers: () => ({ workflows: { getState: () => state } }),
      dependencies: fakeDependencies({ postgres: refused, temporal: well, storage: refused }),
    });
    const checks = {
      process: null,
      workflows: null,
      postgres: 'not reachable',
      temporal: null,
      storage: 'not reachable',
    };
    assert.deepEqual(await ready(), { ok: true, checks, away: ['postgres', 'storage'] });
    state = 'FAILED';
    assert.equal((await ready()).ok, false);
    [state, phase] = ['RUNNING', 'stopping'];
    const stopping = await ready();
    assert.deepEqual([stopping.ok, stopping.checks.process], [false, 'it is stopping']);
  });

  it('is answered at once while a dependency hangs, which is asked once and then counts as away', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let asked = 0;
    let hangs = true;
    const postgres = () => {
      asked += 1;
      return hangs ? new Promise(() => undefined) : well();
    };
    const look = fakeDependencies({ postgres, temporal: well, storage: well });
    const first = look();
    t.mock.timers.tick(500);
    assert.equal((await first).postgres, null, 'what was known before');
    t.mock.timers.tick(1_500);
    await turn();
    const second = look();
    t.mock.timers.tick(500);
    assert.equal((await second).postgres, 'no answer within 2000 ms');
    assert.equal(asked, 1);
    hangs = false;
    t.mock.timers.tick(8_000);
    await turn();
    assert.equal((await look()).postgres, null);
    assert.equal(asked, 2);
  });

  it('shows what a process depends on as metrics', async () => {
    const { registry, text } = createMetrics();
    addDependencyMetrics(registry, fakeDependencies({ postgres: well, temporal: refused, storage: well }));
    assert.deepEqual(samples(await text()), [
      'longshore_dependency_up{dependency="postgres"} 1',
      'longshore_dependency_up{dependency="temporal"} 0',
      'longshore_dependency_up{dependency="storage"} 1',
    ]);
  });
});
