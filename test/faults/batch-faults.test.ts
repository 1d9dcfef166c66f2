import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { type Client, ServiceError, type WorkflowHandle } from '@temporalio/client';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { type BatchApi, batchApi, lockTable, temporalClient } from '../support/batch-api.ts';
import { testDatabase } from '../support/database.ts';
import { eventually, until } from '../support/eventually.ts';
import { type Link, linkTo } from '../support/link.ts';
import { temporalServer } from '../support/servers.ts';
import { type TestStack, testStack } from '../support/stack.ts';

const ROWS = '/v1/tables/departments/rows';
/** Of a body that travels through the storage. */
const LARGE = 40_000;
/** Longer than Temporal needs on a busy machine. */
const STARTS_IN_MS = 60_000;

interface Body {
  readonly id: string;
  readonly status: string;
  readonly code?: string;
  readonly error: { readonly code: string } | null;
  readonly workflowId: string;
  readonly batches: readonly Body[];
}

type Call = (path: string, init?: RequestInit) => Promise<Response>;

/** What a batch's caller hears, and what is in the table, when something goes away in the middle of it. */
describe('batches, when something goes away', async () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  const t = { after: (action: () => Promise<unknown>) => void cleanups.unshift(action) };
  let stack: TestStack;
  let postgres: Link;
  let db: Database;
  let client: Client;
  before(async () => {
    const { url } = await testDatabase(t);
    const { hostname, port } = new URL(url);
    postgres = await linkTo(t, hostname, Number(port));
    const linked = new URL(url);
    linked.host = `${postgres.host}:${postgres.port}`;
    stack = await testStack(t, undefined, { env: { DATABASE_URL: linked.href } });
    db = await openDatabase({ url });
    t.after(async () => db[Symbol.asyncDispose]());
    client = await temporalClient(t, stack);
  });
  after(async () => {
    postgres.mend();
    for (const cleanup of cleanups) await cleanup();
  });

  const call: Call = (path, init = {}) =>
    fetch(stack.url + path, { ...init, headers: { 'x-api-key': stack.key, ...init.headers } });
  async function send(rows: readonly unknown[], headers: Record<string, string> = {}, by = call) {
    const response = await by(ROWS, {
      method: 'POST',
      body: JSON.stringify(rows),
      headers: { 'content-type': 'application/json', ...headers },
    });
    const body = (await response.json()) as Body;
    return { status: response.status, body, retryAfter: response.headers.get('retry-after') };
  }
  const get = async (path: string, by = call) => (await (await by(path)).json()) as Body;
  const count = async (like: string) => {
    const [row] = await db.query<{ n: number }>(
      'select count(*)::int as n from departments where department like $1',
      [like],
    );
    return row?.n;
  };
  const statusOf = (id: string) => async () => (await get(`/v1/batches/${id}`)).status;

  describe('PostgreSQL', () => {
    const wait = { prefer: 'wait=1' };

    it('goes away before the commit: the caller hears 202, and later that it is done, once', async () => {
      await send([{ id: 1, department: 'warm' }]);
      await using lock = await lockTable(db, 'departments');
      const sending = send([{ id: 2, department: 'away' }], wait);
      await until(lock.waiting, (n) => n > 0);
      postgres.cut();
      const { status, body } = await sending;
      assert.deepEqual([status, body.status], [202, 'running'], JSON.stringify(body));
      assert.equal((await get(`/v1/batches/${body.id}`)).code, 'database-unavailable');
      await lock.release();
      postgres.mend();
      await eventually(statusOf(body.id), 'done');
      assert.equal(await count('away'), 1);
    });

    it('goes away after the commit, before it is reported: done, once', async () => {
      await send([{ id: 10, department: 'warm again' }]);
      // The row is with PostgreSQL then, and its commit needs no answer any more.
      postgres.deafenAfter('row that is lost');
      const sending = send([{ id: 11, department: 'row that is lost' }], wait);
      await eventually(() => count('row that is lost'), 1);
      postgres.cut();
      const { status, body } = await sending;
      assert.deepEqual([status, body.status], [202, 'running'], JSON.stringify(body));
      postgres.mend();
      await eventually(statusOf(body.id), 'done');
      const handle = client.workflow.getHandle(body.workflowId);
      assert.deepEqual(await handle.result(), { sent: 1, accepted: 1, rejected: 0, discarded: 0 });
      assert.equal(await count('row that is lost'), 1);
    });
  });

  describe('the workflow, terminated in the Web UI', () => {
    const running = async () => {
      for await (const { workflowId } of client.workflow.list({ query: `ExecutionStatus = 'Running'` })) {
        return client.workflow.getHandle(workflowId);
      }
      return null;
    };

    it('is not needed any more by who commits, and the answer is what the ledger says', async () => {
      await using lock = await lockTable(db, 'departments');
      const sending = send([{ id: 20, department: 'terminated' }]);
      const handle = await until(running, (found) => found !== null);
      await handle!.terminate('by the test');
      await lock.release();
      const { status, body } = await sending;
      assert.equal(status, 201, JSON.stringify(body));
      assert.equal((await get(`/v1/batches/${body.id}`)).status, 'done');
      assert.equal(await count('terminated'), 1);
    });

    it('is reported as failed only when nothing of it can be written any more', async () => {
      await using lock = await lockTable(db, 'departments');
      const { body } = await send([{ id: 21, department: 'failed' }], { prefer: 'respond-async' });
      await until(lock.waiting, (n) => n > 0);
      await client.workflow.getHandle(body.workflowId).terminate('by the test');
      const seen = await get(`/v1/batches/${body.id}`);
      assert.deepEqual([seen.status, seen.error?.code], ['failed', 'batch-terminated']);
      await lock.release();
      // The next one is committed behind it.
      assert.equal((await send([{ id: 22, department: 'next' }])).status, 201);
      assert.equal(await count('failed'), 0);
      assert.deepEqual(await get(`/v1/batches/${body.id}`), seen);
    });

    it('leaves a batch running whose commit is half done', async () => {
      const sql = `insert into departments (id, department) values (23, 'other')`;
      await using other = await lockTable(db, 'departments', sql);
      const { body } = await send([{ id: 23, department: 'half' }], { prefer: 'respond-async' });
      await until(other.waiting, (n) => n > 0);
      await client.workflow.getHandle(body.workflowId).terminate('by the test');
      assert.equal(await statusOf(body.id)(), 'running');
      await other.release();
      await eventually(statusOf(body.id), 'done');
      assert.equal(await count('half'), 1);
    });
  });

  describe('Temporal', () => {
    const rows = (id: number, bytes: number) => [{ id, department: `gone ${id} ${'x'.repeat(bytes)}` }];
    const payloads = () => readdir(`${stack.home}/storage/batches`).catch(() => []);
    let other: BatchApi;
    let by: Call;
    let temporal: Link;
    let startWith: (start: () => Promise<WorkflowHandle>) => Promise<WorkflowHandle>;
    const plain: typeof startWith = (start) => start();
    /** How long a start is tried. */
    let limitMs = STARTS_IN_MS;
    before(async () => {
      const [host = '', port] = (await temporalServer()).split(':');
      temporal = await linkTo(t, host, Number(port));
      const linked = await temporalClient(t, stack, `${temporal.host}:${temporal.port}`);
      startWith = plain;
      other = await batchApi(t, stack, faulty(linked));
      by = (path, init) => other.api.call(path, init);
    });

    /** The client with a start that the test can spoil, and with a limit of the test's own. */
    function faulty(real: Client): Client {
      const workflow = {
        getHandle: real.workflow.getHandle.bind(real.workflow),
        start: (type: string, options: Parameters<Client['workflow']['start']>[1]) =>
          startWith(() => real.workflow.start(type, options)),
      };
      const withDeadline = <T>(_: unknown, work: () => Promise<T>) =>
        real.withDeadline(Date.now() + limitMs, work);
      return { workflow, withDeadline } as unknown as Client;
    }
    const unavailable = () => {
      const cause = Object.assign(new Error('14 UNAVAILABLE'), { code: 14, details: 'lost', metadata: {} });
      return new ServiceError('Failed to start Workflow', { cause });
    };

    async function assertFailed(id: number) {
      const [newest] = (await get('/v1/batches?limit=1', by)).batches;
      assert.deepEqual([newest?.status, newest?.error?.code], ['failed', 'temporal-unavailable']);
      assert.deepEqual(await get(`/v1/batches/${newest?.id}`, by), newest);
      assert.equal(await count(`gone ${id} %`), 0);
      assert.deepEqual(await payloads(), []);
      return newest!;
    }

    for (const [id, bytes] of [
      [30, 1],
      [31, LARGE],
    ] as const) {
      it(`is away: nothing of ${bytes} bytes is written, and the same key goes in later`, async () => {
        const key = { 'idempotency-key': `away-${id}` };
        temporal.cut();
        limitMs = 500;
        const { status, body, retryAfter } = await send(rows(id, bytes), key, by);
        temporal.mend();
        limitMs = STARTS_IN_MS;
        assert.deepEqual([status, body.code, retryAfter], [503, 'temporal-unavailable', '5']);
        const failed = await assertFailed(id);
        const again = () => send(rows(id, bytes), key, by);
        assert.equal((await until(again, (answer) => answer.status !== 503)).status, 201);
        assert.equal(await count(`gone ${id} %`), 1);
        assert.equal((await get(`/v1/batches/${failed.id}`, by)).status, 'failed');
        // The workflow deletes the payload, a little after the answer.
        await until(payloads, (left) => left.length === 0);
      });

      it(`hears nothing of the start of ${bytes} bytes, which arrives late: still nothing is written`, async () => {
        // It arrives when the failure is recorded, and can't overtake that.
        let arrive!: () => Promise<WorkflowHandle>;
        startWith = async (start) => {
          arrive = start;
          throw unavailable();
        };
        const { status, body } = await send(rows(id + 10, bytes), {}, by);
        startWith = plain;
        assert.deepEqual([status, body.code], [503, 'temporal-unavailable']);
        const failed = await assertFailed(id + 10);
        await (await arrive()).result().catch(() => undefined);
        assert.deepEqual(await assertFailed(id + 10), failed);
      });
    }

    it('has the batch committed elsewhere by the time the answer of the start is lost: the outcome', async () => {
      startWith = async (start) => {
        await (await start()).result();
        throw unavailable();
      };
      const { status, body } = await send(rows(50, 1), {}, by);
      startWith = plain;
      assert.deepEqual([status, body.status], [201, 'done'], JSON.stringify(body));
      assert.equal(await count('gone 50 %'), 1);
    });
  });
});
