import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { freePort } from '../../src/platform/ports.ts';
import { databaseUrl } from '../support/database-url.ts';
import { until } from '../support/eventually.ts';
import { type TestPlatform, testPlatform } from '../support/platform.ts';

/** In every row, key, token and name that is sent here: no log may hold it. */
/** The SDK tells those that are available of suppliers of a fixed size only. */
const SLOTS_USED = /^temporal_worker_task_slots_used\{/m;
const MARKER = 'Zq7MarkerXw3';
const GOOD_ROWS = 2;

describe('a platform that logs all it can', () => {
  let platform: TestPlatform;
  let metricsPort: number;
  const stopping: (() => Promise<unknown>)[] = [];
  before(async () => {
    metricsPort = await freePort();
    platform = await testPlatform(
      { after: (action) => void stopping.push(action) },
      {
        env: {
          LONGSHORE_LOG: 'debug',
          LONGSHORE_WORKERS: '2',
          LONGSHORE_METRICS_PORT: String(metricsPort),
          LONGSHORE_ADMIN_KEY: `${MARKER} of the operator`,
        },
      },
    );
  });
  after(async () => {
    for (const stop of stopping.reverse()) await stop();
  });

  const call = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(platform.apiUrl + path, {
      ...init,
      headers: { 'x-api-key': platform.adminKey, ...(init.headers as Record<string, string>) },
    });
  const post = async (path: string, body: string, headers: Record<string, string>) => {
    const response = await call(path, { method: 'POST', body, headers });
    return { status: response.status, text: await response.text() };
  };
  const csv = { 'content-type': 'text/csv', prefer: 'wait=50' };
  const logs = () => {
    const folder = join(platform.home, 'logs');
    return readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
  };
  const scrape = async () => (await call('/metrics')).text();

  it('gives Prometheus metrics of loads, requests, connections, processes and workflows, for an API key', async () => {
    assert.equal((await fetch(`${platform.apiUrl}/metrics`)).status, 401);
    const body = `1,${MARKER} one\n2,${MARKER} two\nx,three\n`;
    assert.equal((await post('/v1/tables/departments/loads', body, csv)).status, 201);
    await call('/v1/loads/77');

    const response = await call('/metrics');
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    const text = await until(scrape, (scraped) =>
      scraped.includes('longshore_loads{table="departments",status="done"} 1\n'),
    );
    const value = (series: string) => Number(sample(text, series));
    assert.equal(value('longshore_ledger_up'), 1);
    assert.equal(value('longshore_load_rows_total{table="departments",outcome="loaded"}'), GOOD_ROWS);
    assert.equal(value('longshore_load_rows_total{table="departments",outcome="rejected"}'), 1);
    assert.equal(
      value(
        'longshore_http_request_duration_seconds_count{method="GET",route="/v1/loads/{id}",status="404"}',
      ),
      1,
    );
    assert.equal(value('longshore_http_problems_total{route="/v1/loads/{id}",code="unknown-load"}'), 1);
    assert.ok(value('longshore_postgres_connections{state="idle"}') >= 1);
    assert.ok(value('process_resident_memory_bytes') > 1e7);
    assert.ok(/^temporal_num_pollers\{.*\} [1-9]/m.test(text), "Temporal's SDK has its say");
    assert.equal(everySeriesOnce(text), true);
  });

  it('gives metrics and health of each activity worker at a port of its own', async () => {
    for (const port of [metricsPort, metricsPort + 1]) {
      // It answers from its first moment, before Temporal's SDK has its say.
      const text = await until(
        async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
        (seen) => SLOTS_USED.test(seen),
      );
      assert.match(text, SLOTS_USED);
      assert.match(text, /^process_resident_memory_bytes [1-9]/m);
      assert.match(text, /^longshore_dependency_up\{dependency="storage"\} 1$/m);
      assert.deepEqual(await (await fetch(`http://127.0.0.1:${port}/healthz`)).json(), { ok: true });
      const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
      const checks = { process: null, activities: null, postgres: null, temporal: null, storage: null };
      assert.deepEqual([ready.status, await ready.json()], [200, { ok: true, checks, away: [] }]);
    }
  });

  it('writes no row and no secret into any log, whatever goes wrong', async () => {
    const db = new pg.Client(databaseUrl(platform.home));
    await db.connect();
    try {
      // PostgreSQL refuses with the row in its words, a duplicate key with the key in them.
      await db.query(`alter table "jobs" add constraint "no_marker" check ("job" not like '%${MARKER}%')`);
      await post('/v1/tables/jobs/loads', `1,${MARKER} job\n`, { ...csv, prefer: 'wait=3' });
      await post('/v1/tables/jobs/loads?mode=merge', `${MARKER},x\n3,${MARKER}\n3\n`, {
        ...csv,
        prefer: 'wait=2',
      });
      await sendRows(post);
      await db.query('alter table "jobs" drop constraint "no_marker"');
      // What fails a batch for good is logged; a row that is refused by itself is a reject.
      await db.query(`create function quotes_rows() returns trigger language plpgsql as
        $$ begin raise exception using errcode = 'XX000', message = format('refused %s', new."job"); end $$`);
      await db.query(
        'create trigger quotes before insert on "jobs" for each row execute function quotes_rows()',
      );
      await post('/v1/tables/jobs/rows', `[{"id": 14, "job": "${MARKER}"}]`, {
        'content-type': 'application/json',
        prefer: 'wait=1',
      });
      await db.query('drop function quotes_rows() cascade');
    } finally {
      await db.end();
    }
    await sendRows(post);
    await post('/v1/tables/hired_employees/loads', `1,${MARKER},${MARKER},9,9\n`, csv);
    await post('/v1/tables/jobs/loads', `{"source": "${MARKER}"`, { 'content-type': 'application/json' });
    await post(`/v1/tables/${MARKER}/loads?mode=${MARKER}`, MARKER, csv);
    await call(`/v1/loads?table=${MARKER}&${MARKER}=1`);
    const basic = Buffer.from(`${MARKER}:${MARKER}`).toString('base64');
    for (const authorization of [`Bearer ${MARKER}`, `Basic ${basic}`, `Bearer lsk_${MARKER}_${MARKER}`]) {
      await call('/v1/loads', { headers: { authorization, 'x-api-key': '' } });
      await call('/v1/tokens', { method: 'POST', headers: { authorization, 'x-api-key': '' } });
    }
    const created = await post('/v1/keys', '{"name": "one", "scopes": ["read"]}', {
      'content-type': 'application/json',
    });
    const { key } = JSON.parse(created.text) as { key?: string };
    if (key !== undefined) await call('/v1/tables', { headers: { 'x-api-key': key } });

    const secrets = [MARKER, basic, ...(key === undefined ? [] : [key, key.split('_').slice(2).join('_')])];
    const written = await until(
      async () => logs(),
      (all) => all.some(({ name, text }) => name === 'api.log' && text.includes('"/v1/tables"')),
    );
    assert.ok(
      written.some(({ text }) => text.includes('XX000')),
      "PostgreSQL's refusal is in a log",
    );
    for (const { name, text } of written) {
      const lines = text.split('\n').filter((line) => secrets.some((secret) => line.includes(secret)));
      assert.deepEqual(lines, [], name);
    }
    assert.ok(!secrets.some((secret) => platform.output().includes(secret)), platform.output());
  });

  it('names request, route, key, load and workflow in the line of a request', async () => {
    const { text } = await post('/v1/tables/departments/loads', '7,seven\n', {
      ...csv,
      'x-request-id': 'judged-1',
    });
    const { id, workflowId } = JSON.parse(text) as { id: number; workflowId: string };
    const line = await until(
      async () =>
        logs()
          .find(({ name }) => name === 'api.log')!
          .text.split('\n')
          .find((one) => one.includes('judged-1')),
      (found) => found !== undefined,
    );
    const { time, host, pid, durationMs, keyId, ...rest } = JSON.parse(line!) as Record<string, unknown>;
    assert.deepEqual(rest, {
      level: 'info',
      process: 'api',
      requestId: 'judged-1',
      method: 'POST',
      route: '/v1/tables/{table}/loads',
      status: 201,
      loadId: id,
      workflowId,
      msg: 'request',
    });
    assert.equal(host, hostname());
    for (const known of [time, pid, durationMs, keyId]) assert.ok(known !== undefined);
  });

  it('stays ready while PostgreSQL is away, and says so beside it', async () => {
    const ready = async (port: string | number = new URL(platform.apiUrl).port) => {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`);
      const { checks, away } = (await response.json()) as { checks: object; away: string[] };
      return { status: response.status, checks: Object.keys(checks).sort(), away };
    };
    platform.kill('postgres');
    const [api, worker] = await Promise.all(
      [undefined, metricsPort].map((port) =>
        until(
          () => ready(port),
          ({ away }) => away.length > 0,
        ),
      ),
    );
    const shared = ['postgres', 'storage', 'temporal'];
    const ofApi = ['process', ...shared, 'workflows'].sort();
    assert.deepEqual(api, { status: 200, checks: ofApi, away: ['postgres'] });
    assert.deepEqual(worker, {
      status: 200,
      checks: ['activities', 'process', ...shared].sort(),
      away: ['postgres'],
    });
    assert.equal((await fetch(`${platform.apiUrl}/healthz`)).status, 200);
    assert.deepEqual(await until(ready, ({ away }) => away.length === 0), {
      status: 200,
      checks: ofApi,
      away: [],
    });
  });
});

type Post = (path: string, body: string, headers: Record<string, string>) => Promise<unknown>;

/** Batches of all kinds of rows. */
async function sendRows(post: Post): Promise<void> {
  const headers = { 'content-type': 'application/json', prefer: 'wait=3' };
  const bodies = [
    `[{"id": 11, "job": "${MARKER}"}]`,
    `[{"id": "${MARKER}", "job": "a", "${MARKER}": 1}, {"id": 12, "job": "${MARKER}"}]`,
    `[{"id": 11, "job": "${MARKER}"}]`,
    `[{"id": 13, "job": "${MARKER}`,
    `[${MARKER}]`,
  ];
  for (const body of bodies) await post('/v1/tables/jobs/rows', body, headers);
  await post('/v1/tables/jobs/rows?mode=merge', bodies[0]!, { ...headers, 'idempotency-key': `"${MARKER}"` });
}

function sample(text: string, series: string): string | undefined {
  return text
    .split('\n')
    .find((line) => line.startsWith(`${series} `))
    ?.slice(series.length + 1);
}

/** Prometheus drops a scrape that names a series or a type twice. */
function everySeriesOnce(text: string): boolean {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('# HELP'));
  const names = lines.map((line) => (line.startsWith('#') ? line : line.slice(0, line.lastIndexOf(' '))));
  return new Set(names).size === names.length;
}
