import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILES_AT_ONCE, STATEMENTS_AT_ONCE, WorkerSlots } from '../../activities/worker-slots.ts';

const here = new AbortController().signal;

describe('the slots of an activity worker', () => {
  const use = (slots: WorkerSlots, activityType: string) => {
    const permit = slots.tryReserveSlot();
    if (permit !== null) slots.markSlotUsed({ slotInfo: { type: 'activity', activityType }, permit });
    return permit;
  };

  it('are free for files however many statements take minutes, up to a bound', () => {
    const slots = new WorkerSlots();
    const statements = Array.from({ length: STATEMENTS_AT_ONCE }, () => use(slots, 'publishLoad'));
    const files = Array.from({ length: FILES_AT_ONCE }, () => use(slots, 'loadChunk'));
    assert.ok([...statements, ...files].every((permit) => permit !== null));
    assert.equal(slots.tryReserveSlot(), null);

    slots.releaseSlot({ permit: statements[0]! });
    assert.equal(slots.tryReserveSlot(), null, 'that was none for files');
    slots.releaseSlot({ permit: files[0]! });
    const refresh = use(slots, 'refreshReportView');
    assert.ok(refresh !== null);
    assert.ok(use(slots, 'exportPart') !== null, 'the slot of the statement is free again');
    assert.equal(slots.tryReserveSlot(), null);
  });

  it('bound statements as well', () => {
    const slots = new WorkerSlots();
    const most = STATEMENTS_AT_ONCE + FILES_AT_ONCE;
    const permits = Array.from({ length: most + 1 }, () => use(slots, 'checkLoad'));
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
