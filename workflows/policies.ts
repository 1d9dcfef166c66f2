import type { ActivityOptions, LocalActivityOptions } from '@temporalio/common';

/**
 * Every timeout and retry, with its reason. What can't get better by trying again is thrown as a non-retryable
 * failure by the activity itself (`activities/failures.ts`); the rest is retried for ever, because a load should go
 * on by itself when a database or a disk comes back, however long that takes.
 */
const RETRY = { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '15s' } as const;

/** One short statement on the ledger, beside the workflows. */
export const LEDGER: ActivityOptions = {
  startToCloseTimeout: '30s',
  retry: RETRY,
};

/**
 * Reads one chunk and writes its rows: about a second. The heartbeat, every few seconds, tells a worker that died
 * from one that is slow; ten minutes is what a crowded disk may need.
 */
export const CHUNK: ActivityOptions = {
  startToCloseTimeout: '10m',
  heartbeatTimeout: '15s',
  retry: RETRY,
};

/** Reads a whole file, or rewrites a whole table: as long as it takes, as long as it heartbeats. */
export const WHOLE: ActivityOptions = {
  startToCloseTimeout: '24h',
  heartbeatTimeout: '30s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  retry: RETRY,
};

/**
 * Holds a backup's snapshot, for as long as the backup takes. Never tried again by itself: another snapshot is another
 * attempt of the whole backup, which the workflow begins. Not waited for when it is told to end: it looks into the
 * ledger as well, and a snapshot that nobody reads any more does no harm for a second.
 */
export const HOLD: ActivityOptions = {
  startToCloseTimeout: '30d',
  heartbeatTimeout: '15s',
  retry: { maximumAttempts: 1 },
};

/**
 * Writes one part of a backup: seconds. Its snapshot keeps VACUUM from its work and publishes waiting, so trying has an
 * end after some two minutes: a storage that is full or away fails the backup. What another snapshot may heal is
 * thrown as `SNAPSHOT_LOST`.
 */
export const PART: ActivityOptions = {
  startToCloseTimeout: '24h',
  heartbeatTimeout: '15s',
  retry: { ...RETRY, maximumAttempts: 12, nonRetryableErrorTypes: ['storage-full'] },
};

/** Deletes the files of a backup, some thousand at most, beside the workflows; for ever, or they would stay. */
export const CLEAR: ActivityOptions = {
  startToCloseTimeout: '30m',
  retry: RETRY,
};

/** How long a backup that has ended waits for its snapshot to be given up: usually half a second. */
export const RELEASE_LIMIT = '10s';

/** Begins or ends a restore, which may have a thousand stages to make or to drop, beside the workflows. */
export const KEEP: ActivityOptions = {
  startToCloseTimeout: '5m',
  retry: RETRY,
};

/** How often a restore asks whether the tables it waits for are free, and whether its safety backup has ended. */
export const GATE_POLL = '1s';
export const SAFETY_POLL = '2s';

/** Parts asked for at once, for the same reasons as chunks. */
export const PART_WINDOW = 48;

/** Between two attempts of a backup: doubled from the first to the last. */
export const ATTEMPT_PAUSE = { firstMs: 1_000, lastMs: 60_000 } as const;

/** A fault that no one foresaw ends a backup in this attempt; what is known to pass never does. */
export const UNFORESEEN_ATTEMPTS = 3;

/** Chunks asked for at once: enough for a few dozen worker slots, few enough to drain quickly. */
export const CHUNK_WINDOW = 48;

/** Chunks a run: about six history events each, well below Temporal's limit of 51,200 events. */
export const CHUNKS_A_RUN = 500;

/** A queued load is woken by the one before it; should that signal be lost, it looks by itself. */
export const TURN_POLL = '20s';

/** Publishing again and again only loses to writers who break keys between check and publish. */
export const PUBLISH_TRIES = 20;

/**
 * Commits a group, in the process that has its rows: one transaction, milliseconds. A minute is what PostgreSQL may
 * need under a checkpoint or a lock. Waits of more than five seconds are timers of the server and not of the worker,
 * so that they keep no workflow task open. After an hour of tries the workflow continues as new, or an outage of days
 * would fill its history.
 */
export const COMMIT: LocalActivityOptions = {
  startToCloseTimeout: '1m',
  scheduleToCloseTimeout: '1h',
  localRetryThreshold: '5s',
  retry: { initialInterval: '100ms', backoffCoefficient: 2, maximumInterval: '15s' },
};

/** Deletes the files of backups, one after the other, with a heartbeat before each: ten minutes for the largest. */
export const RETENTION: ActivityOptions = {
  startToCloseTimeout: '24h',
  heartbeatTimeout: '10m',
  retry: RETRY,
};

/**
 * Deletes old entries of the ledger, some thousand rows a statement, with a heartbeat between: the first time after years
 * there may be millions. For ever, because the rest is found again wherever a try ended.
 */
export const TIDY: ActivityOptions = {
  startToCloseTimeout: '24h',
  heartbeatTimeout: '1m',
  retry: RETRY,
};

/**
 * Refreshes a report's view: as long as that takes, as long as it heartbeats. For ever, because data or a database that
 * are at fault may be put right at any time; until then readers have what the view holds.
 */
export const REFRESH_VIEW: ActivityOptions = {
  startToCloseTimeout: '24h',
  heartbeatTimeout: '15s',
  retry: RETRY,
};

/**
 * An answer of an activity that is not sealed is refused, and the activity asked again after this pause; after so many
 * in one run the workflow fails, before they fill its history.
 */
export const FORGED_PAUSE = '2s';
export const FORGED_ANSWERS = 20;

/** Refreshes a run: some fourteen events each with their timer and signals, and a view that is asked for all day. */
export const REFRESHES_A_RUN = 200;
