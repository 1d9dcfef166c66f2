import assert from 'node:assert/strict';
import { randomUUIDv7 } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchOutcome } from '../../src/batches/batch.ts';
import { QUEUE_LIMITS } from '../../src/batches/batch-committer.ts';
import { BodyRooms } from '../../src/batches/body-room.ts';
import { COMMIT_BATCHES, type CommitBatchesInput } from '../../src/batches/contract.ts';
import { HandOver } from '../../src/batches/hand-over.ts';
import { readDictionary } from '../../src/dictionary/read-dictionary.ts';
import { LongshoreError } from '../../src/errors.ts';
import { startTestApi, table } from '../support/api-fakes.ts';
import { batchApi, lockTable, temporalClient } from '../support/batch-api.ts';
import { received } from '../support/batches.ts';
import { until } from '../support/eventually.ts';
import { type TestStack, testStack } from '../support/stack.ts';

const code = (expected: string) => (error: unknown) =>
  error instanceof LongshoreError && error.code === expected;
const MIB = 1024 * 1024;

describe('a table that is locked for long', async () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  const t = { after: (action: () => Promise<unknown>) => void cleanups.unshift(action) };
  let stack: TestStack;
  before(async () => {
    stack = await testStack(t);
  });
  after(async () => {
    for (const cleanup of cleanups) await cleanup();
  });
  const count = async () => {
    const [row] = await stack.db.query<{ n: number }>('select count(*)::int as n from departments');
    return row!.n;
  };

  it('leaves connections to other tables, however many groups of it wait', async () => {
    const client = await temporalClient(t, stack);
    await using lock = await lockTable(stack.db, 'departments');
    const handles = await Promise.all(
      Array.from({ length: 20 }, (_, n) => {
        const group = randomUUIDv7();
        const batch = received([{ id: n, department: 'left behind' }], { id: `${group}-0` });
        const payload = { inline: JSON.stringify([batch]) };
        const input: CommitBatchesInput = {
          group,
          table: 'departments',
          mode: 'append',
          batches: 1,
          payload,
        };
        const options = {
          workflowId: stack.inTemporal(`batches-${group}`),
          taskQueue: stack.installation.queue,
          args: [input],
        };
        return client.workflow.start(COMMIT_BATCHES, options);
      }),
    );
    await until(lock.waiting, (n) => n >= 3);
    // Time for more to come, if there were no bound. Fewer wait where one begins its wait anew.
    const atMostThree = async () => assert.ok((await lock.waiting()) <= 3);
    for (let look = 0; look < 20; look++) {
      await atMostThree();
      await sleep(25);
    }
    // While the others wait.
    const other = await stack.post('/v1/tables/jobs/rows', [{ id: 1, job: 'goes on' }]);
    assert.equal(other.status, 201, JSON.stringify(other.body));
    await atMostThree();
    await until(lock.waiting, (n) => n >= 3);
    await lock.release();
    await Promise.all(handles.map((handle) => handle.result()));
    assert.equal(await count(), 20);
  });

  it('lets the queue grow to its bound and no further, and everything in it goes in', async (test) => {
    const { api, committer } = await batchApi(t, stack, await temporalClient(t, stack));
    const { tables } = await readDictionary(undefined);
    const table = tables.find(({ name }) => name === 'departments')!;
    const before = await count();
    await using lock = await lockTable(stack.db, 'departments');
    const commit = (id: number) => {
      const body = JSON.stringify([{ id, department: 'crowd' }]);
      const batch = { table, mode: 'append', format: 'json', strict: false, body } as const;
      return committer.commit({ ...batch, sentBy: 'crowd', idempotencyKey: null }, 0, committer.room(0));
    };
    const heapBefore = process.memoryUsage().heapUsed;
    const all = Array.from({ length: 20_000 }, (_, n) =>
      commit(1_000 + n).then(
        () => null,
        (error: unknown) => error,
      ),
    );
    await until(lock.waiting, (n) => n > 0);
    const grown = (process.memoryUsage().heapUsed - heapBefore) / MIB;
    const response = await api.call('/v1/tables/departments/rows', {
      method: 'POST',
      body: '[{"id":1,"department":"one more"}]',
      headers: { 'content-type': 'application/json' },
    });
    const { code: refusal } = (await response.json()) as { code: string };
    assert.deepEqual(
      [response.status, refusal, response.headers.get('retry-after')],
      [503, 'overloaded', '5'],
    );
    await lock.release();
    const refused = (await Promise.all(all)).filter((error) => error !== null);
    assert.equal(refused.length, 20_000 - QUEUE_LIMITS.lane.batches);
    assert.ok(refused.every(code('overloaded')));
    const expected = before + QUEUE_LIMITS.lane.batches;
    assert.equal(await until(count, (n) => n === expected), expected);
    test.diagnostic(`${grown.toFixed(0)} MiB more in the heap, with garbage`);
    assert.ok(grown < 200, `${grown} MiB`);
  });
});

describe('the hand-over of groups', () => {
  const held = () => {
    const { promise, resolve } = Promise.withResolvers<readonly BatchOutcome[]>();
    let times = 0;
    const commit = () => {
      times += 1;
      return promise;
    };
    return { commit, end: () => resolve([]), times: () => times };
  };

  it('lets a try again join the commit that is under way, also of a group that it has forgotten', async () => {
    for (const given of [true, false]) {
      const handOver = new HandOver();
      const one = held();
      if (given) handOver.give('a', [], table('jobs'));
      const first = handOver.commitOnce('a', 'jobs', one.commit);
      handOver.drop('a');
      const again = handOver.commitOnce('a', 'jobs', one.commit);
      one.end();
      assert.deepEqual(await Promise.all([first, again]), [[], []]);
      assert.equal(one.times(), 1);
    }
  });

  it('lets a commit that failed be begun again, and remembers one that is done', async () => {
    const handOver = new HandOver();
    handOver.give('a', [], table('jobs'));
    await assert.rejects(
      handOver.commitOnce('a', 'jobs', () => Promise.reject(new Error('away'))),
      /away/,
    );
    const one = held();
    one.end();
    await handOver.commitOnce('a', 'jobs', one.commit);
    await handOver.commitOnce('a', 'jobs', one.commit);
    assert.equal(one.times(), 1);
  });

  it('commits so many groups of a table, and of all, at the same time, and the others when there is room', async () => {
    const handOver = new HandOver({ each: 2, all: 3 });
    const groups = ['jobs', 'jobs', 'jobs', 'notes', 'notes'].map((table) => ({ table, ...held() }));
    const ends = groups.map(({ table, commit }, n) => handOver.commitOnce(`g${n}`, table, commit));
    const begun = () => groups.map(({ times }) => times());
    assert.deepEqual(begun(), [1, 1, 0, 1, 0]);
    groups[3]!.end();
    await ends[3];
    await sleep(0);
    assert.deepEqual(begun(), [1, 1, 0, 1, 1]);
    for (const { end } of groups) end();
    await Promise.all(ends);
    assert.deepEqual(begun(), [1, 1, 1, 1, 1]);
  });
});

describe('bodies that are being received', () => {
  it('have room together with what is queued, and give it back', () => {
    let queued = 50;
    const rooms = new BodyRooms(100, () => queued);
    assert.throws(() => rooms.open(51), code('overloaded'));
    const first = rooms.open(50);
    first.take(30);
    const second = rooms.open(0);
    second.take(20);
    assert.throws(() => first.take(1), code('overloaded'));
    second.release();
    second.release();
    first.take(20);
    first.release();
    assert.equal(rooms.receiving, 0);
    queued = 100;
    assert.throws(() => rooms.open(1), code('overloaded'));
  });

  it('are refused with 503 before they are read any further, announced or not', async () => {
    const api = await startTestApi();
    try {
      const rooms = new BodyRooms(1_000, () => 0);
      api.batches.room = (bytes) => rooms.open(bytes);
      const head = 'POST /v1/tables/jobs/rows HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
      const key = 'X-Api-Key: admin-key-of-the-tests\r\n';
      // Neither body is sent to its end.
      const announced = `${head}${key}Content-Length: 1001\r\n\r\n[`;
      const chunked = `${head}${key}Transfer-Encoding: chunked\r\n\r\n3ea\r\n${' '.repeat(1002)}\r\n`;
      for (const text of [announced, chunked]) {
        const answer = await api.raw(text, { untilText: '"overloaded"' });
        assert.match(answer, /^HTTP\/1\.1 503 /);
        assert.match(answer, /^retry-after: 5\r$/im);
        assert.equal(rooms.receiving, 0);
      }
      const { status } = await api.call('/v1/tables/jobs/rows', {
        method: 'POST',
        body: ' '.repeat(1000),
        headers: { 'content-type': 'application/json' },
      });
      assert.equal(status, 201);
      assert.equal(rooms.receiving, 0);
    } finally {
      await api[Symbol.asyncDispose]();
    }
  });
});
