import type { ActivityOptions } from '@temporalio/common';
import { ACTIVITY_QUEUE, WORKFLOW_QUEUE } from './contract.ts';

/**
 * Every timeout and retry, with its reason. What can't get better by trying again is thrown as a non-retryable
 * failure by the activity itself (`activities/failures.ts`); the rest is retried for ever, because a load should go
 * on by itself when a database or a disk comes back, however long that takes.
 */
const RETRY = { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '15s' } as const;

/** One short statement on the ledger, beside the workflows. */
export const LEDGER: ActivityOptions = {
  taskQueue: WORKFLOW_QUEUE,
  startToCloseTimeout: '30s',
  retry: RETRY,
};

/**
 * Reads one chunk and writes its rows: about a second. The heartbeat, every few seconds, tells a worker that died
 * from one that is slow; ten minutes is what a crowded disk may need.
 */
export const CHUNK: ActivityOptions = {
  taskQueue: ACTIVITY_QUEUE,
  startToCloseTimeout: '10m',
  heartbeatTimeout: '15s',
  retry: RETRY,
};

/** Reads a whole file, or rewrites a whole table: as long as it takes, as long as it heartbeats. */
export const WHOLE: ActivityOptions = {
  taskQueue: ACTIVITY_QUEUE,
  startToCloseTimeout: '24h',
  heartbeatTimeout: '30s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: RETRY,
};

/** Chunks asked for at once: enough for a few dozen worker slots, few enough to drain quickly. */
export const CHUNK_WINDOW = 48;

/** Chunks a run: about six history events each, well below Temporal's limit of 51,200 events. */
export const CHUNKS_A_RUN = 500;

/** A queued load is woken by the one before it; should that signal be lost, it looks by itself. */
export const TURN_POLL = '20s';

/** Publishing again and again only loses to writers who break keys between check and publish. */
export const PUBLISH_TRIES = 20;
