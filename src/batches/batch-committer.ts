import { randomUUIDv7 } from 'node:crypto';
import { LongshoreError } from '../errors.ts';
import { inSlices } from '../in-slices.ts';
import { compiledTable } from '../rows/compiled-tables.ts';
import type { Table } from '../types.ts';
import type { BatchView, EndedBatch, Idempotency } from './batch.ts';
import type { BatchMetrics } from './batch-metrics.ts';
import type { BatchService, NewBatch } from './batch-service.ts';
import { type BodyRoom, BodyRooms } from './body-room.ts';
import type { CheckedBatch } from './checked-batch.ts';
import { GroupQueue, type Lane, type Queued, type QueueLimits } from './group-queue.ts';
import { withHint } from './hint-of-batch.ts';
import { fingerprintOf, IdempotencyKeysInUse, idempotencyKeyReused } from './idempotency-keys.ts';
import { findIdempotent } from './idempotent.ts';
import { lookUpBatch } from './look-up-batch.ts';
import { pendingElsewhere } from './pending-elsewhere.ts';
import { readBatch } from './read-batch.ts';
import { listBatches, listBatchRejects } from './read-batches.ts';
import { type GroupDeps, type GroupOutcome, runGroup } from './run-group.ts';
import { workflowIdOf } from './start-group.ts';

const MIB = 1024 * 1024;

export const QUEUE_LIMITS: QueueLimits = {
  group: { batches: 256, rows: 5_000, bytes: 8 * MIB },
  lane: { batches: 4_096, bytes: 64 * MIB },
  process: { batches: 8_192, bytes: 128 * MIB },
  gatherMs: 30,
};

/**
 * Groups of one table that are committed concurrently. Merges are serial: of two that change the same row, the one
 * that arrived later has to win.
 */
const GROUPS_IN_FLIGHT = { append: 2, merge: 1 } as const;

export interface BatchCommitterDeps extends Omit<GroupDeps, 'stopped'> {
  readonly metrics: BatchMetrics;
  readonly idempotencyDays: number;
}

export interface BatchCommitter extends BatchService {
  /**
   * Accepts no more batches, and drains the queue. After `limitMs`, waiting batches are refused, and those under way
   * are left to their workflow and answered as running.
   */
  stop(limitMs: number): Promise<void>;

  /**
   * Batches for a table that wait or are being committed here, and those that other processes have begun to commit.
   * @throws LongshoreError `temporal-unavailable`
   */
  pending(table: string): Promise<number>;
}

/** Functions that end the wait of each request that is not answered yet. */
type Hurry = Set<() => void>;
type CommitDeps = BatchCommitterDeps &
  GroupDeps & {
    /** IDs of the groups that are being committed here. */
    readonly underWay: Set<string>;
  };

interface Item extends Queued {
  readonly checked: CheckedBatch;
  readonly table: Table;
  readonly mode: BatchView['mode'];
  readonly readAtMs: number;
  /** Resolves with the running batch once its workflow is sure to run. */
  readonly started: PromiseWithResolvers<BatchView>;
  readonly ended: PromiseWithResolvers<EndedBatch>;
}

/** The batch service over the ledger and Temporal: coalesces batches into groups, and runs a workflow for each. */
export function createBatchCommitter(deps: BatchCommitterDeps): BatchCommitter {
  const { db, metrics } = deps;
  const keys = new IdempotencyKeysInUse();
  const stopping = new AbortController();
  const hurry: Hurry = new Set();
  const underWay = new Set<string>();
  const groupDeps = { ...deps, stopped: stopping.signal, underWay };
  const queue = new GroupQueue<Item>(QUEUE_LIMITS, (_, items) => commitItems(groupDeps, items));
  const rooms = new BodyRooms(QUEUE_LIMITS.process.bytes, () => queue.held.bytes);
  metrics.watchQueue(() => queue.held);

  async function enqueue(batch: NewBatch, idempotency: Idempotency | null, room: BodyRoom): Promise<Item> {
    const item = await newItem(batch, idempotency);
    room.release();
    queue.add(laneOf(batch), item);
    return item;
  }

  return {
    room: (announcedBytes) => rooms.open(announcedBytes),

    async commit(batch, waitMs, room) {
      const { idempotencyKey: key, sentBy } = batch;
      if (key === null) return answer(await enqueue(batch, null, room), waitMs, hurry);
      const fingerprint = fingerprintOf(batch);
      const release = keys.claim(sentBy, key, fingerprint);
      let item: Item | null = null;
      try {
        const first = await findIdempotent(db, sentBy, key);
        if (first && first.fingerprint !== fingerprint) throw idempotencyKeyReused();
        if (first) return { ...first.outcome, replayed: true };
        item = await enqueue(batch, { key, fingerprint, days: deps.idempotencyDays }, room);
      } finally {
        if (item === null) release();
        else item.ended.promise.then(release, release);
      }
      return answer(item, waitMs, hurry);
    },

    async replay(batch) {
      const { sentBy, idempotencyKey: key } = batch;
      const first = key === null ? null : await findIdempotent(db, sentBy, key);
      if (first && first.fingerprint !== fingerprintOf(batch)) throw idempotencyKeyReused();
      return first && { ...first.outcome, replayed: true };
    },

    get: (id) => lookUpBatch(deps, id),
    list: (filter) => listBatches(db, filter),
    rejects: (id, page) => listBatchRejects(db, id, page),

    async pending(table) {
      const elsewhere = await pendingElsewhere(deps, table, underWay);
      return elsewhere + queue.heldIn(`append ${table}`) + queue.heldIn(`merge ${table}`);
    },

    async stop(limitMs) {
      const left = await queue.stop(limitMs);
      for (const item of left) {
        rejectItem(item, new LongshoreError('stopping', 'the process was stopped before its turn came'));
      }
      for (const go of hurry) go();
      stopping.abort(new LongshoreError('internal', 'Longshore was stopped before the outcome was known'));
    },
  };
}

function laneOf({ table, mode }: NewBatch): Lane {
  return { name: `${mode} ${table.name}`, inFlight: GROUPS_IN_FLIGHT[mode] };
}

async function newItem(batch: NewBatch, idempotency: Idempotency | null): Promise<Item> {
  const { table, mode, format, strict, readAs, body, sentBy } = batch;
  const receivedAt = new Date().toISOString();
  const received = {
    ...{ id: '', format, strict, body, sentBy, receivedAt, idempotency },
    ...(readAs != null && { readAs }),
  };
  const checked = await inSlices(readBatch(received, compiledTable(table), mode)).catch(async (error) => {
    throw await withHint(error, batch);
  });
  const item: Item = {
    checked,
    table,
    // Batches that came before the table's definition changed, and after, are of two groups.
    of: table,
    mode,
    rows: checked.sent,
    bytes: body.length,
    readAtMs: performance.now(),
    started: Promise.withResolvers(),
    ended: Promise.withResolvers(),
  };
  // No one awaits these once the running batch was returned.
  item.started.promise.catch(() => undefined);
  item.ended.promise.catch(() => undefined);
  return item;
}

function rejectItem(item: Item, error: unknown): void {
  item.started.reject(error);
  item.ended.reject(error);
}

/** The outcome; when it takes longer, or Longshore stops, the running batch as soon as it is sure to be committed. */
async function answer(
  { started, ended }: Item,
  waitMs: number,
  hurry: Hurry,
): Promise<EndedBatch | { readonly running: BatchView }> {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(resolve, waitMs, null);
  const go = () => resolve(null);
  hurry.add(go);
  try {
    const outcome = await Promise.race([ended.promise, late]);
    if (outcome !== null) return outcome;
    return await Promise.race([ended.promise, started.promise.then((running) => ({ running }))]);
  } finally {
    clearTimeout(timer);
    hurry.delete(go);
  }
}

/** Commits items as one group; each gets its own outcome. Never rejects. */
async function commitItems(deps: CommitDeps, items: readonly Item[]): Promise<void> {
  const [{ table, mode }] = items as readonly [Item];
  const id = randomUUIDv7();
  const batches = items.map(({ checked }, n) => ({
    ...checked,
    received: { ...checked.received, id: `${id}-${n}` },
  }));
  const begunAtMs = performance.now();
  deps.underWay.add(id);
  try {
    const outcomes = await runGroup(deps, { id, table, mode, batches }, (runId) => {
      for (const [n, item] of items.entries()) {
        item.started.resolve(runningView(item, `${id}-${n}`, workflowIdOf(deps.installation, id), runId));
      }
    });
    for (const [n, item] of items.entries()) settleItem(deps, item, outcomes[n]!);
    const rows = items.reduce((sum, item) => sum + item.rows, 0);
    const seconds = (performance.now() - begunAtMs) / 1000;
    deps.metrics.groupCommitted({ table: table.name, batches: items.length, rows, seconds });
  } catch (error) {
    for (const item of items) rejectItem(item, error);
  } finally {
    deps.underWay.delete(id);
  }
}

function settleItem({ metrics }: BatchCommitterDeps, item: Item, outcome: GroupOutcome): void {
  if (outcome instanceof LongshoreError) {
    rejectItem(item, outcome);
    return;
  }
  item.ended.resolve(outcome);
  const seconds = (performance.now() - item.readAtMs) / 1000;
  metrics.batchEnded({ table: item.table.name, rows: outcome.view.rows, seconds });
}

function runningView(item: Item, id: string, workflowId: string, runId: string | null): BatchView {
  const { strict, receivedAt } = item.checked.received;
  return {
    id,
    table: item.table.name,
    mode: item.mode,
    strict,
    status: 'running',
    workflowId,
    runId,
    loadId: null,
    firstLine: null,
    rows: { sent: item.rows, accepted: 0, rejected: 0, discarded: 0 },
    error: null,
    receivedAt,
    committedAt: null,
  };
}
