import assert from 'node:assert/strict';
import { randomUUIDv7 } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { startApi } from '../../api/start-api.ts';
import type { ReceivedBatch } from '../../src/batches/batch.ts';
import { COMMIT_BATCHES, type CommitBatchesInput } from '../../src/batches/contract.ts';
import { forgetGroups } from '../../src/batches/forget-groups.ts';
import { readConfig } from '../../src/config.ts';
import type { ChildService } from '../../src/runtime/child.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import { KIND_ATTRIBUTE, TABLE_ATTRIBUTE } from '../../src/temporal/search-attributes.ts';
import { stateOfWorkflow } from '../../src/temporal/workflow-state.ts';
import { eventually } from '../support/eventually.ts';
import { TEST_PAYLOAD_KEY, TEST_SEALED } from '../support/sealed.ts';
import { type TestStack, testStack } from '../support/stack.ts';

const ROWS = '/v1/tables/departments/rows';

interface SentBody {
  readonly id: string;
  readonly status: string;
  readonly code?: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly loadId: number;
  readonly accepted: number;
  readonly rejected: readonly {
    readonly index: number;
    readonly errors: readonly { readonly code: string }[];
  }[];
}

interface Sent {
  readonly status: number;
  readonly replayed: string | null;
  readonly text: string;
  readonly body: SentBody;
}

/** HTTP, workflows and PostgreSQL together. */
describe('batches', async () => {
  const cleanups: (() => unknown)[] = [];
  let stack: TestStack;
  let second: ChildService;
  before(async () => {
    stack = await testStack({ after: (action) => void cleanups.push(action) });
    second = await otherApi();
  });
  after(async () => {
    await second.stop();
    for (const cleanup of cleanups) await cleanup();
  });

  /** Another API process's worth over the same ledger and Temporal. */
  function otherApi(): Promise<ChildService> {
    const config = readConfig({
      LONGSHORE_HOME: stack.home,
      LONGSHORE_PORT: '0',
      DATABASE_URL: stack.databaseUrl,
      TEMPORAL_ADDRESS: stack.temporal.address,
      TEMPORAL_NAMESPACE: stack.temporal.namespace,
      LONGSHORE_ADMIN_KEY: stack.key,
      LONGSHORE_PAYLOAD_KEY: TEST_PAYLOAD_KEY,
    });
    return startApi({ config, log: createLogger({ level: 'silent', process: 'test' }) });
  }

  async function send(
    body: unknown,
    headers: Record<string, string> = {},
    url = stack.url,
    path = ROWS,
  ): Promise<Sent> {
    const response = await fetch(url + path, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'x-api-key': stack.key, 'content-type': 'application/json', ...headers },
    });
    const text = await response.text();
    return {
      status: response.status,
      replayed: response.headers.get('idempotency-replayed'),
      text,
      body: JSON.parse(text),
    };
  }
  const named = async (pattern: string) =>
    (
      await stack.db.query<{ department: string }>(
        'select department from departments where department like $1 order by id',
        [pattern],
      )
    ).map(({ department }) => department);

  it('inserts rows into the table, and reports each that did not go in', async () => {
    const first = await send([
      { id: 1, department: 'first a' },
      { id: 2, department: 'first b' },
    ]);
    assert.equal(first.status, 201, first.text);
    assert.ok(first.body.workflowId.startsWith(stack.inTemporal('batches-')), first.body.workflowId);
    const some = await send([
      { id: 3, department: 'first c' },
      { id: 1, department: 'first d' },
      { id: 'x', department: 'first e' },
    ]);
    assert.equal(some.status, 200, some.text);
    assert.deepEqual(
      some.body.rejected.map(({ index, errors }) => [index, errors[0]!.code]),
      [
        [1, 'primary-key'],
        [2, 'type-error'],
      ],
    );
    const none = await send([{ id: 1, department: 'first f' }]);
    assert.deepEqual([none.status, none.body.code], [422, 'batch-rejected']);
    const strict = await send([{ id: 4, department: 'first g' }, { id: 1 }], { prefer: 'handling=strict' });
    assert.equal(strict.status, 422);
    assert.deepEqual(await named('first%'), ['first a', 'first b', 'first c']);
    const merged = await send([{ id: 1, department: 'first z' }], { prefer: 'resolution=merge-duplicates' });
    assert.equal(merged.status, 201, merged.text);
    assert.deepEqual(await named('first%'), ['first z', 'first b', 'first c']);
    const seen = await stack.get(`/v1/batches/${some.body.id}`);
    const { rejected, ...rest } = some.body;
    assert.deepEqual(seen.body, rest);
    assert.equal(rejected.length, 2);
  });

  it('runs each group as a workflow that can be found by its table', async () => {
    const { body } = await send([{ id: 50, department: 'found' }]);
    const connection = await Connection.connect({ address: stack.temporal.address });
    const client = new Client({ connection, namespace: stack.temporal.namespace, ...TEST_SEALED });
    const handle = client.workflow.getHandle(body.workflowId);
    assert.deepEqual(await handle.result(), { sent: 1, accepted: 1, rejected: 0, discarded: 0 });
    const { typedSearchAttributes, runId } = await handle.describe();
    assert.equal(runId, body.runId);
    assert.equal(typedSearchAttributes.get(KIND_ATTRIBUTE), 'batches');
    assert.equal(typedSearchAttributes.get(TABLE_ATTRIBUTE), 'departments');
    await connection.close();
  });

  it('answers a repeated request with the same words, also from another API and after a restart', async () => {
    const rows = [
      { id: 10, department: 'once' },
      { id: 10, department: 'twice' },
    ];
    const key = { 'idempotency-key': '"order-10"' };
    const first = await send(rows, key);
    assert.deepEqual([first.status, first.replayed], [200, null], first.text);
    const other = await send(rows, { 'idempotency-key': 'order-10' }, String(second.info?.url));
    const again = await send(rows, key);
    await second.stop();
    second = await otherApi();
    const restarted = await send(rows, key, String(second.info?.url));
    for (const answer of [other, again, restarted]) {
      assert.deepEqual([answer.status, answer.replayed, answer.text], [200, 'true', first.text]);
    }
    const reused = await send([{ id: 11, department: 'other' }], key);
    assert.deepEqual([reused.status, reused.body.code], [422, 'idempotency-key-reused']);
    assert.deepEqual(await named('once'), ['once']);
  });

  it('writes once what two APIs get at once with one key', async () => {
    const urls = [stack.url, String(second.info?.url)];
    for (let id = 100; id < 110; id++) {
      const key = { 'idempotency-key': `race-${id}` };
      const answers = await Promise.all(
        [...urls, ...urls].map((url) => send([{ id, department: 'race' }], key, url)),
      );
      const done = answers.filter(({ status }) => status === 201);
      const inUse = answers.filter(({ body }) => body.code === 'idempotency-key-in-use');
      assert.equal(done.length + inUse.length, 4, JSON.stringify(answers));
      assert.ok(done.length >= 1);
      assert.equal(new Set(done.map(({ text }) => text)).size, 1);
      assert.equal(done.filter(({ replayed }) => replayed === null).length, 1);
    }
    assert.equal((await named('race')).length, 10);
  });

  it('groups what comes together, and gives each batch its own answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => send([{ id: 200 + n, department: `many ${n}` }])),
    );
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
    const workflows = new Set(answers.map(({ body }) => body.workflowId));
    assert.ok(workflows.size < 30, `${workflows.size} workflows`);
    assert.equal((await named('many%')).length, 60);
    const group = answers[59]!.body.loadId;
    const listed = await stack.get(`/v1/batches?loadId=${group}&limit=500`);
    const ids = (listed.body as unknown as { batches: { id: string }[] }).batches.map(({ id }) => id);
    const own = answers.filter(({ body }) => body.loadId === group).map(({ body }) => body.id);
    assert.deepEqual(ids.toSorted(), own.toSorted());
  });

  it('sends large batches through the storage, and leaves none of them there', async () => {
    const csv = Array.from({ length: 1000 }, (_, n) => `${1000 + n},large ${'x'.repeat(60)}`).join('\n');
    const { status, body } = await send(csv, { 'content-type': 'text/csv' });
    assert.deepEqual([status, body.accepted], [201, 1000]);
    const storage = await openStorage(`file:${stack.home}/storage`);
    await eventually(() => storage.list('batches/'), []);
  });

  it('answers at once when asked to, and commits all the same', async () => {
    const { status, body } = await send([{ id: 20, department: 'later' }], { prefer: 'respond-async' });
    assert.deepEqual([status, body.status], [202, 'running']);
    await eventually(async () => (await stack.get(`/v1/batches/${body.id}`)).body.status, 'done');
    assert.deepEqual(await named('later'), ['later']);
  });

  /** What a process leaves behind that dies once its workflow is started: nobody has the rows but the payload. */
  async function startOrphan(group: string, payload: CommitBatchesInput['payload']) {
    const connection = await Connection.connect({ address: stack.temporal.address });
    const client = new Client({ connection, namespace: stack.temporal.namespace, ...TEST_SEALED });
    const input = { group, table: 'departments', mode: 'append', batches: 1, payload } as const;
    const options = {
      workflowId: stack.inTemporal(`batches-${group}`),
      taskQueue: stack.installation.queue,
      args: [input],
    };
    await client.workflow.execute(COMMIT_BATCHES, options).catch(() => undefined);
    await connection.close();
    return stack.get(`/v1/batches/${group}-0`);
  }

  it('commits from the payload what a process has left that died', async () => {
    const group = randomUUIDv7();
    const batch: ReceivedBatch = {
      id: `${group}-0`,
      format: 'json',
      strict: false,
      body: '[{"id":30,"department":"orphan"},{"id":30,"department":"orphan"}]',
      sentBy: 'operator',
      receivedAt: new Date().toISOString(),
      idempotency: null,
    };
    const { body } = await startOrphan(group, { inline: JSON.stringify([batch]) });
    assert.deepEqual([body.status, body.rows.rejected], ['done', 1], JSON.stringify(body));
    assert.deepEqual(await named('orphan'), ['orphan']);
  });

  it('says that a batch is lost when its payload is gone', async () => {
    const group = randomUUIDv7();
    const { body } = await startOrphan(group, { key: `batches/${group}` });
    assert.deepEqual([body.status, body.error?.code], ['failed', 'batch-lost'], JSON.stringify(body));
  });

  it('lets Temporal forget workflows of groups, but those that failed and the newest, and knows all batches', async () => {
    const lost = randomUUIDv7();
    await startOrphan(lost, { key: `batches/${lost}` });
    const sent: SentBody[] = [];
    const connection = await Connection.connect({ address: stack.temporal.address });
    const client = new Client({ connection, namespace: stack.temporal.namespace, ...TEST_SEALED });
    for (const id of [60, 61, 62, 63]) {
      const { body } = await send([{ id, department: 'forgotten' }]);
      await client.workflow.getHandle(body.workflowId).result();
      sent.push(body);
    }
    const states = async () => {
      // Temporal's list hears of an end, and of a deletion, a moment later.
      await forgetGroups({ client, db: stack.db, installation: stack.installation }, 2);
      return Promise.all(sent.map(({ workflowId }) => stateOfWorkflow(client, workflowId)));
    };
    await eventually(states, ['unknown', 'unknown', 'completed', 'completed']);
    assert.equal(await stateOfWorkflow(client, stack.inTemporal(`batches-${lost}`)), 'failed');
    for (const { id } of sent) {
      assert.equal((await stack.get(`/v1/batches/${id}`)).body.status, 'done');
    }
    await connection.close();
  });

  it('says what is wrong with a body before anything is started', async () => {
    const broken = await send('[{"id":1,}]');
    assert.deepEqual([broken.status, broken.body.code], [400, 'malformed-body']);
    const empty = await send('[]');
    assert.deepEqual([empty.status, empty.body.code], [422, 'batch-empty']);
    const many = await send(Array.from({ length: 1001 }, (_, id) => ({ id })));
    assert.deepEqual([many.status, many.body.code], [413, 'batch-too-large']);
    assert.equal((await stack.get('/v1/batches/nothing')).status, 404);
    const unknown = '01990000-0000-7000-8000-000000000000-0';
    assert.equal((await stack.get(`/v1/batches/${unknown}`)).status, 404);
  });
});
