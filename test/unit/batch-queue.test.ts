import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { idempotencyKeyOf } from '../../api/batches/idempotency-key.ts';
import { preferencesOf, preferredWait } from '../../api/http/prefer.ts';
import { GroupQueue, type Lane, type QueueLimits } from '../../src/batches/group-queue.ts';
import { fingerprintOf, IdempotencyKeysInUse } from '../../src/batches/idempotency-keys.ts';
import { LongshoreError } from '../../src/errors.ts';
import { table } from '../support/api-fakes.ts';

const ROOM = { batches: 1000, bytes: 1e9 };
const WIDE: QueueLimits = {
  group: { batches: 100, rows: 1e6, bytes: 1e9 },
  lane: ROOM,
  process: ROOM,
  gatherMs: 0,
};
const JOBS: Lane = { name: 'append jobs', inFlight: 1 };

interface Item {
  readonly no: number;
  readonly rows: number;
  readonly bytes: number;
}

/** A queue whose groups are under way until the test ends them. */
function held(limits: QueueLimits = WIDE) {
  const begun: { lane: string; items: number[]; end: () => void }[] = [];
  const queue = new GroupQueue<Item>(limits, (lane, group) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    begun.push({ lane: lane.name, items: group.map(({ no }) => no), end: resolve });
    return promise;
  });
  let no = 0;
  const add = (lane = JOBS, size: Partial<Item> = {}) =>
    queue.add(lane, { no: no++, rows: 1, bytes: 1, ...size });
  return { queue, begun, add, groups: () => begun.map(({ items }) => items) };
}

const code = (expected: string) => (error: unknown) =>
  error instanceof LongshoreError && error.code === expected;

describe('the queue of batches', () => {
  it('lets the first go at once, and those that come meanwhile together', async () => {
    const { begun, add, groups } = held();
    add();
    await turn();
    add();
    add();
    await turn();
    assert.deepEqual(groups(), [[0]]);
    begun[0]!.end();
    await turn();
    await turn();
    assert.deepEqual(groups(), [[0], [1, 2]]);
  });

  it('lets those go together that arrive in one turn of the event loop', async () => {
    const { add, groups } = held();
    add();
    add();
    await turn();
    assert.deepEqual(groups(), [[0, 1]]);
  });

  it('keeps lanes apart, and so many groups of each under way as it says', async () => {
    const { begun, add } = held();
    const notes: Lane = { name: 'append notes', inFlight: 2 };
    for (let n = 0; n < 3; n++) {
      add(JOBS);
      add(notes, { rows: 3_000 });
      await turn();
    }
    assert.deepEqual(
      begun.map(({ lane, items }) => [lane, items]),
      [
        ['append jobs', [0]],
        ['append notes', [1]],
        ['append notes', [3]],
      ],
    );
  });

  it('lets a group go beside another one only when it is large', async () => {
    const { add, groups } = held();
    const notes: Lane = { name: 'append notes', inFlight: 2 };
    add(notes);
    await turn();
    add(notes, { rows: 2_999 });
    await turn();
    assert.deepEqual(groups(), [[0]]);
    add(notes);
    await turn();
    assert.deepEqual(groups(), [[0], [1, 2]]);
  });

  it('waits for those that were just answered, but no longer than their group took', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let nowMs = 0;
    t.mock.method(performance, 'now', () => nowMs);
    const pass = async (ms: number) => {
      nowMs += ms;
      t.mock.timers.tick(ms);
      await turn();
    };
    const { begun, add, groups } = held({ ...WIDE, gatherMs: 60_000 });
    add();
    add();
    await turn();
    await pass(100);
    begun[0]!.end();
    await turn();
    add();
    await turn();
    assert.deepEqual(groups(), [[0, 1]]);
    add();
    await turn();
    assert.deepEqual(groups(), [
      [0, 1],
      [2, 3],
    ]);
    await pass(50);
    begun[1]!.end();
    await turn();
    add();
    await turn();
    await pass(49);
    assert.equal(begun.length, 2);
    await pass(1);
    assert.deepEqual(groups().at(2), [4]);
  });

  it('commits everything once, in order, and in groups that obey the caps', async () => {
    const item = fc.record({ rows: fc.integer({ min: 1, max: 12 }), bytes: fc.integer({ min: 0, max: 50 }) });
    const caps = { batches: 4, rows: 10, bytes: 40 };
    await fc.assert(
      fc.asyncProperty(fc.array(item, { minLength: 1, maxLength: 40 }), async (items) => {
        const { begun, add, queue } = held({ ...WIDE, group: caps });
        for (const size of items) add(JOBS, size);
        await turn();
        for (let at = 0; at < begun.length; at++) {
          const group = begun[at]!.items.map((no) => items[no]!);
          const rows = group.reduce((sum, one) => sum + one.rows, 0);
          const bytes = group.reduce((sum, one) => sum + one.bytes, 0);
          assert.ok(group.length === 1 || (rows <= caps.rows && bytes <= caps.bytes));
          assert.ok(group.length <= caps.batches);
          begun[at]!.end();
          await turn();
          await turn();
        }
        assert.deepEqual(
          begun.flatMap(({ items: nos }) => nos),
          items.map((_, no) => no),
        );
        assert.deepEqual(queue.held, { batches: 0, bytes: 0 });
      }),
    );
  });

  it('refuses what it has no room for, in a lane and in all, and takes it when there is room again', async () => {
    const limits = { ...WIDE, lane: { batches: 2, bytes: 100 }, process: { batches: 3, bytes: 150 } };
    const { begun, add } = held(limits);
    const notes: Lane = { name: 'append notes', inFlight: 1 };
    add(JOBS, { bytes: 60 });
    assert.throws(() => add(JOBS, { bytes: 41 }), code('overloaded'));
    add(JOBS, { bytes: 40 });
    assert.throws(() => add(JOBS, { bytes: 0 }), code('overloaded'));
    assert.throws(() => add(notes, { bytes: 51 }), code('overloaded'));
    add(notes, { bytes: 50 });
    assert.throws(() => add(notes, { bytes: 0 }), code('overloaded'));
    await turn();
    begun[0]!.end();
    await turn();
    add(JOBS, { bytes: 100 });
  });

  it('stops when everything taken is done, and takes nothing more', async () => {
    const { begun, add, queue } = held();
    add();
    await turn();
    add();
    let stopped = false;
    const stopping = queue.stop(60_000).then((left) => {
      stopped = true;
      return left;
    });
    assert.throws(() => add(), code('stopping'));
    begun[0]!.end();
    await turn();
    await turn();
    assert.equal(stopped, false);
    begun[1]!.end();
    assert.deepEqual(await stopping, []);
  });

  it('hands back what never began when stopping takes too long', async () => {
    const { add, queue } = held();
    add();
    await turn();
    add();
    const left = await queue.stop(20);
    assert.deepEqual(
      left.map(({ no }) => no),
      [1],
    );
  });
});

describe('an Idempotency-Key', () => {
  it('is taken bare and as a quoted string', () => {
    assert.equal(idempotencyKeyOf(undefined), null);
    assert.equal(idempotencyKeyOf('8e03978e-40d5'), '8e03978e-40d5');
    assert.equal(idempotencyKeyOf('"8e03978e-40d5"'), '8e03978e-40d5');
    assert.equal(idempotencyKeyOf(String.raw`"a\"b\\c"`), 'a"b\\c');
    assert.equal(idempotencyKeyOf('x'.repeat(255))?.length, 255);
  });

  for (const wrong of ['', '""', '"', '"a', 'a b', '"a b"', 'ä', '"a";p=1', 'x'.repeat(256), 'a, b']) {
    it(`is refused as ${JSON.stringify(wrong.slice(0, 20))}`, () => {
      assert.throws(() => idempotencyKeyOf(wrong), code('invalid-request'));
    });
  }

  it('is in use until its request has ended, and belongs to one request only', () => {
    const keys = new IdempotencyKeysInUse();
    const release = keys.claim('k1', 'a', 'f1');
    assert.throws(() => keys.claim('k1', 'a', 'f1'), code('idempotency-key-in-use'));
    assert.throws(() => keys.claim('k1', 'a', 'f2'), code('idempotency-key-reused'));
    keys.claim('k2', 'a', 'f2');
    release();
    keys.claim('k1', 'a', 'f2');
  });

  it('distinguishes requests by everything that decides the outcome', () => {
    const batch = {
      table: table('jobs'),
      mode: 'append',
      format: 'json',
      strict: false,
      body: '[]',
    } as const;
    const changed = [
      batch,
      { ...batch, table: table('notes') },
      { ...batch, mode: 'merge' as const },
      { ...batch, format: 'ndjson' as const },
      { ...batch, strict: true },
      { ...batch, body: '[ ]' },
      { ...batch, readAs: { delimiter: ';' } },
      { ...batch, readAs: { delimiter: ';', header: true } },
    ];
    assert.equal(new Set(changed.map(fingerprintOf)).size, changed.length);
    assert.equal(fingerprintOf(batch), fingerprintOf({ ...batch, readAs: null }));
    assert.equal(
      fingerprintOf({ ...batch, readAs: { delimiter: ';', header: true } }),
      fingerprintOf({ ...batch, readAs: { header: true, delimiter: ';' } }),
    );
  });
});

describe('Prefer', () => {
  const read = (header: string) => Object.fromEntries(preferencesOf({ get: () => header } as never));

  it('is read as RFC 7240 writes it', () => {
    assert.deepEqual(read('respond-async;x=1, wait=900'), { 'respond-async': '', wait: '900' });
    assert.deepEqual(read('Handling = "strict" ; a="b,c" ,, return=minimal'), {
      handling: 'strict',
      return: 'minimal',
    });
    assert.deepEqual(read('wait=1, wait=2'), { wait: '1' });
    assert.deepEqual(read('foo; bar=; ;baz,wait=4'), { foo: '', wait: '4' });
    assert.deepEqual(read(String.raw`a="\"b\\"`), { a: '"b\\' });
  });

  it('passes over what can not be read, and never throws', () => {
    assert.deepEqual(read('??, =1, x="open, wait=3'), { wait: '3' });
    fc.assert(fc.property(fc.string(), (header) => void read(header)));
  });

  it('gives a wait in seconds, at most 50', () => {
    const wait = (header: string) => preferredWait(preferencesOf({ get: () => header } as never));
    assert.deepEqual(['wait=0', 'wait=7', 'wait=51', 'wait="9"'].map(wait), [0, 7, 50, 9]);
    assert.deepEqual(['wait', 'wait=-1', 'wait=1.5', 'wait=1e3', ''].map(wait), [
      null,
      null,
      null,
      null,
      null,
    ]);
  });
});
