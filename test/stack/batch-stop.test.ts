import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startApi } from '../../api/start-api.ts';
import { readConfig } from '../../src/config.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { batchApi, lockTable, temporalClient } from '../support/batch-api.ts';
import { eventually, until } from '../support/eventually.ts';
import { TEST_PAYLOAD_KEY } from '../support/sealed.ts';
import { type TestStack, testStack } from '../support/stack.ts';

interface Sent {
  readonly status: number;
  readonly code: string | undefined;
  readonly retryAfter: string | null;
  readonly id: string | undefined;
}

/** A stop with groups under way and batches queued: whoever gets an answer can rely on it. */
describe('a stop of the API', async () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  const t = { after: (action: () => Promise<unknown>) => void cleanups.unshift(action) };
  let stack: TestStack;
  before(async () => {
    stack = await testStack(t);
  });
  after(async () => {
    for (const cleanup of cleanups) await cleanup();
  });
  const count = async (like: string) => {
    const [row] = await stack.db.query<{ n: number }>(
      'select count(*)::int as n from departments where department like $1',
      [like],
    );
    return row?.n;
  };

  async function send(url: string, key: string, id: number, name: string): Promise<Sent> {
    const response = await fetch(`${url}/v1/tables/departments/rows`, {
      method: 'POST',
      body: JSON.stringify([{ id, department: `${name} ${id}` }]),
      headers: { 'content-type': 'application/json', 'x-api-key': key },
    });
    const { id: batch, code } = (await response.json()) as { id?: string; code?: string };
    return { status: response.status, code, retryAfter: response.headers.get('retry-after'), id: batch };
  }

  /** Batches that wait or are under way. */
  async function held(url: string, key: string): Promise<number> {
    const text = await (await fetch(`${url}/metrics`, { headers: { 'x-api-key': key } })).text();
    return Number(/^longshore_queue_batches (\d+)/m.exec(text)?.[1]);
  }

  it('commits and answers what it has, and takes nothing more', async () => {
    const config = readConfig({
      LONGSHORE_HOME: stack.home,
      LONGSHORE_PORT: '0',
      DATABASE_URL: stack.databaseUrl,
      TEMPORAL_ADDRESS: stack.temporal.address,
      TEMPORAL_NAMESPACE: stack.temporal.namespace,
      LONGSHORE_ADMIN_KEY: stack.key,
      LONGSHORE_PAYLOAD_KEY: TEST_PAYLOAD_KEY,
    });
    const service = await startApi({ config, log: createLogger({ level: 'silent', process: 'test' }) });
    const url = String(service.info?.url);
    await using lock = await lockTable(stack.db, 'departments');
    const first = send(url, stack.key, 1, 'stopped');
    await until(lock.waiting, (n) => n > 0);
    const queued = Array.from({ length: 20 }, (_, n) => send(url, stack.key, 2 + n, 'stopped'));
    await until(
      () => held(url, stack.key),
      (n) => n === 21,
    );
    const stopping = service.stop();
    await lock.release();
    const answers = await Promise.all([first, ...queued]);
    await stopping;
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]), JSON.stringify(answers));
    assert.equal(await count('stopped %'), 21);
  });

  it('answers what takes too long as running, and refuses what waits', async () => {
    const { api, committer } = await batchApi(t, stack, await temporalClient(t, stack));
    const key = 'admin-key-of-the-tests';
    await using lock = await lockTable(stack.db, 'departments');
    const first = send(api.url, key, 101, 'left');
    await until(lock.waiting, (n) => n > 0);
    const queued = Array.from({ length: 5 }, (_, n) => send(api.url, key, 102 + n, 'left'));
    await until(
      () => held(api.url, key),
      (n) => n === 6,
    );
    const begunAtMs = performance.now();
    await committer.stop(50);
    const { status, id } = await first;
    assert.equal(status, 202);
    // Before its own wait is over, which is of 30 seconds.
    assert.ok(performance.now() - begunAtMs < 25_000);
    const refused = await Promise.all(queued);
    for (const answer of [...refused, await send(api.url, key, 110, 'left')]) {
      assert.deepEqual([answer.status, answer.code, answer.retryAfter], [503, 'stopping', '5']);
    }
    await lock.release();
    await eventually(async () => (await stack.get(`/v1/batches/${id}`)).body.status, 'done');
    assert.equal(await count('left %'), 1);
  });
});
