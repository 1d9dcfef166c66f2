import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { firstTries, LONG_AT_ONCE } from '../../activities/first-tries.ts';
import { FILES_AT_ONCE, STATEMENTS_AT_ONCE, WorkerSlots } from '../../activities/worker-slots.ts';
import type { LoadStep } from '../../src/loads/loads.ts';

const here = new AbortController().signal;
const LONG_MS = 1_000;
const QUIET = { logger: new DefaultLogger('ERROR', () => undefined) };

describe('the slots of an activity worker', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  const use = (slots: WorkerSlots, activityType: string) => {
    const permit = slots.tryReserveSlot();
    if (permit !== null) slots.markSlotUsed({ slotInfo: { type: 'activity', activityType }, permit });
    return permit;
  };

  it('are free for files however many statements take minutes, up to a bound', () => {
    const slots = new WorkerSlots(LONG_MS);
    const statements = Array.from({ length: STATEMENTS_AT_ONCE }, () => use(slots, 'publishLoad'));
    mock.timers.tick(LONG_MS);
    const files = Array.from({ length: FILES_AT_ONCE }, () => use(slots, 'loadChunk'));
    assert.ok([...statements, ...files].every((permit) => permit !== null));
    assert.equal(slots.tryReserveSlot(), null);

    slots.releaseSlot({ permit: statements[0]! });
    assert.equal(slots.tryReserveSlot(), null, 'that was none for files');
    slots.releaseSlot({ permit: files[0]! });
    const refresh = use(slots, 'refreshReportView');
    assert.ok(refresh !== null);
    mock.timers.tick(LONG_MS);
    assert.ok(use(slots, 'exportPart') !== null, 'the slot of the statement is free again');
    assert.equal(slots.tryReserveSlot(), null);
  });

  it('are kept by statements that take moments', () => {
    const slots = new WorkerSlots(LONG_MS);
    const statements = Array.from({ length: FILES_AT_ONCE }, () => use(slots, 'publishLoad'));
    mock.timers.tick(LONG_MS - 1);
    assert.equal(slots.tryReserveSlot(), null);
    slots.releaseSlot({ permit: statements[0]! });
    const file = use(slots, 'loadChunk');
    assert.ok(file !== null);
    assert.equal(slots.tryReserveSlot(), null);
    mock.timers.tick(1);
    assert.ok(
      slots.tryReserveSlot() !== null,
      'the other one is long now, the one that ended gives none twice',
    );
    assert.equal(slots.tryReserveSlot(), null);
  });

  it('bound statements as well', () => {
    const slots = new WorkerSlots(LONG_MS);
    const most = STATEMENTS_AT_ONCE + FILES_AT_ONCE;
    const permits = Array.from({ length: most + 1 }, () => {
      const permit = use(slots, 'checkLoad');
      mock.timers.tick(LONG_MS);
      return permit;
    });
    assert.equal(permits.filter((permit) => permit !== null).length, most);
    slots.releaseSlot({ permit: permits[0]! });
    assert.ok(use(slots, 'loadChunk') !== null, 'whichever ends, a slot for files is free');
    assert.equal(slots.tryReserveSlot(), null);
  });

  it('are handed to who waits, one each, and to nobody who gave up', async () => {
    const slots = new WorkerSlots();
    const files = Array.from({ length: FILES_AT_ONCE }, () => use(slots, 'loadChunk'));
    const gone = new AbortController();
    const waiting = slots.reserveSlot({}, gone.signal);
    const next = slots.reserveSlot({}, here);
    const last = slots.reserveSlot({}, here);
    gone.abort(new Error('gave up'));
    await assert.rejects(waiting, /gave up/);
    slots.releaseSlot({ permit: files[0]! });
    const permit = await next;
    slots.releaseSlot({ permit });
    assert.notEqual(await last, null);
    assert.equal(slots.tryReserveSlot(), null);
  });
});

describe('the first tries of short steps', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('are bounded for long loads, which keep no short one waiting, and nobody for ever', async () => {
    const ended: (() => void)[] = [];
    const step = firstTries()(
      async (_: LoadStep) => new Promise<void>((resolve) => void ended.push(() => resolve())),
    );
    const local = new MockActivityEnvironment({ isLocal: true }, QUIET);
    const later = new MockActivityEnvironment({ isLocal: false }, QUIET);
    const begun = async (count: number) => {
      while (ended.length < count) await new Promise(setImmediate);
      assert.equal(ended.length, count);
    };

    const long = Array.from({ length: LONG_AT_ONCE + 1 }, (_, n) => local.run(step, { loadId: n }));
    await begun(LONG_AT_ONCE);
    const short = local.run(step, { loadId: 100, short: true });
    await begun(LONG_AT_ONCE + 1);
    const again = later.run(step, { loadId: 101 });
    await begun(LONG_AT_ONCE + 2);
    mock.timers.tick(60_000);
    await assert.rejects(long.at(-1)!, { code: 'database-busy' });
    assert.equal(ended.length, LONG_AT_ONCE + 2);
    for (const end of ended) end();
    await Promise.all([...long.slice(0, -1), short, again]);
    const next = local.run(step, { loadId: 102 });
    await begun(LONG_AT_ONCE + 3);
    ended.at(-1)!();
    await next;
  });
});
