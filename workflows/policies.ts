import type { ActivityOptions, LocalActivityOptions, Priority } from '@temporalio/common';
import { AT_ONCE, takesMoments } from '../src/loads/contract.ts';

/**
 * Every timeout and retry, with its reason. Permanent errors are thrown as non-retryable failures by the activity itself
 * (`activities/failures.ts`); all others are retried for ever, because a load should continue by itself when a database
 * or a disk comes back, however long that takes.
 */
const RETRY = { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '15s' } as const;

/**
 * The order in which workers take what waits for them. A load that takes moments goes first, from its chunk to its
 * publishing, and then what ends a restore, whose writers wait. All the rest takes turns by kind, in proportion to the
 * weights: however many loads wait, a backup has its share, and so have short loads beside long ones. Publishing has the
 * largest, as a load that has its rows in already is soon over, and holds nothing any more; but not all of it, or loads
 * that end all the time would keep everything else waiting. A server without fairness (`matching.enableFairness`) hands
 * the rest out as it comes.
 */
export const SOON: Priority = { priorityKey: 2 };
const PUBLISHES: Priority = { fairnessKey: 'publishes', fairnessWeight: 8 };
const SHORT_LOADS: Priority = { fairnessKey: 'short loads', fairnessWeight: 4 };
const BACKUPS: Priority = { fairnessKey: 'backups', fairnessWeight: 4 };
export const RESTORES: Priority = { fairnessKey: 'restores', fairnessWeight: 4 };
const REPORTS: Priority = { fairnessKey: 'reports', fairnessWeight: 2 };
/** Of files in the inbox, which may be large. */
export const SURVEYS: Priority = { fairnessKey: 'surveys', fairnessWeight: 2 };
/** Long loads share that many turns: more of them take nothing from the others. */
const LONG_LOADS = 4;

export function chunkPriority(loadId: number, chunks: number, bytes: number): Priority {
  if (takesMoments(bytes)) return AT_ONCE;
  return chunks === 1 ? SHORT_LOADS : { fairnessKey: `long loads ${loadId % LONG_LOADS}`, fairnessWeight: 1 };
}

export function publishPriority(bytes: number): Priority {
  return takesMoments(bytes) ? AT_ONCE : PUBLISHES;
}

/** One short statement on the ledger, beside the workflows. */
export const LEDGER: ActivityOptions = {
  startToCloseTimeout: '30s',
  retry: RETRY,
};

/**
 * The first try of such a statement, as a part of the workflow's own task: two round trips to Temporal less, which is most
 * of what a short load takes. A statement that takes longer than that waits for something, and Temporal shall show it.
 */
export const LEDGER_AT_ONCE: LocalActivityOptions = {
  startToCloseTimeout: '7s',
  retry: { maximumAttempts: 1 },
};

/**
 * Reads one chunk and writes its rows: about a second. The heartbeat, every few seconds, tells a dead worker from a slow
 * one; a busy disk may need ten minutes.
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
 * Holds a backup's snapshot, for as long as the backup takes. Never retried by Temporal: a new snapshot is a new attempt
 * of the whole backup, which the workflow begins. Its cancellation is not awaited: it polls the ledger as well, and an
 * unused snapshot does no harm for a second.
 */
export const HOLD: ActivityOptions = {
  startToCloseTimeout: '30d',
  heartbeatTimeout: '15s',
  retry: { maximumAttempts: 1 },
};

/**
 * Writes one part of a backup: seconds. Its snapshot holds up VACUUM and publishes, so retries end after some two
 * minutes: a storage that is full or away fails the backup. Errors that a new snapshot may resolve are thrown as
 * `SNAPSHOT_LOST`.
 */
export const PART: ActivityOptions = {
  priority: BACKUPS,
  startToCloseTimeout: '24h',
  heartbeatTimeout: '15s',
  retry: { ...RETRY, maximumAttempts: 12, nonRetryableErrorTypes: ['storage-full'] },
};

/**
 * Deletes the files of a backup, some thousand at most, beside the workflows; retried for ever, or they would stay. The
 * heartbeat tells a dead process, whose restores would wait for the whole time, from a slow storage.
 */
export const CLEAR: ActivityOptions = {
  startToCloseTimeout: '30m',
  heartbeatTimeout: '15s',
  retry: RETRY,
};

/** How long a backup that has ended waits for the release of its snapshot: usually half a second. */
export const RELEASE_LIMIT = '10s';

/** Begins or ends a restore, which may have a thousand stages to make or to drop, beside the workflows. */
export const KEEP: ActivityOptions = {
  startToCloseTimeout: '5m',
  retry: RETRY,
};

/** How often a restore polls whether the tables it waits for are free, and whether its safety backup has ended. */
export const GATE_POLL = '1s';
export const SAFETY_POLL = '2s';

/** Parts requested at once, for the same reasons as chunks. */
export const PART_WINDOW = 48;

/** Between two attempts of a backup: doubled from the first to the last. */
export const ATTEMPT_PAUSE = { firstMs: 1_000, lastMs: 60_000 } as const;

/** An unforeseen error ends a backup in this attempt; a transient one never does. */
export const UNFORESEEN_ATTEMPTS = 3;

/** Chunks requested at once: enough for a few dozen worker slots, few enough to drain quickly. */
export const CHUNK_WINDOW = 48;

/** Chunks a run: about six history events each, well below Temporal's limit of 51,200 events. */
export const CHUNKS_A_RUN = 500;

/** A queued load is woken by the one before it; in case that signal is lost, it polls. */
export const TURN_POLL = '20s';

/** Publishing fails repeatedly only where writers break keys between check and publish. */
export const PUBLISH_TRIES = 20;

/**
 * Commits a group, in the process that has its rows: one transaction, milliseconds. PostgreSQL may need a minute under a
 * checkpoint or a lock. Waits of more than five seconds are timers of the server and not of the worker, so that they keep
 * no workflow task open. After an hour of tries the workflow continues as new, or an outage of days would fill its
 * history.
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
 * there may be millions. Retried for ever, because each try continues where the last one ended.
 */
export const TIDY: ActivityOptions = {
  startToCloseTimeout: '24h',
  heartbeatTimeout: '1m',
  retry: RETRY,
};

/**
 * Refreshes a report's view: as long as that takes, as long as it heartbeats. Retried for ever, because faulty data or a
 * database may be repaired at any time; until then readers get the present rows.
 */
export const REFRESH_VIEW: ActivityOptions = {
  priority: REPORTS,
  startToCloseTimeout: '24h',
  heartbeatTimeout: '15s',
  retry: RETRY,
};

/**
 * An unsealed result of an activity is refused, and the activity is requested again after this pause; after so many in
 * one run the workflow fails, before they fill its history.
 */
export const FORGED_PAUSE = '2s';
export const FORGED_ANSWERS = 20;

/** Refreshes a run: some fourteen events each with their timer and signals, and a view that is asked for all day. */
export const REFRESHES_A_RUN = 200;

/**
 * Works through the files of an arrival, of which there may be a million, beside the workflows. Retried for ever: what
 * was noted stays, and the next try goes on from the ledger.
 */
export const LOOK_THROUGH: ActivityOptions = {
  startToCloseTimeout: '24h',
  heartbeatTimeout: '1m',
  retry: RETRY,
};

/** Looks a run: some eight events each. */
export const LOOKS_A_RUN = 500;

/** A file of an arrival is told when its load has ended; in case that signal is lost, it polls, less and less often. */
export const LOAD_POLL = { firstMs: 5_000, lastMs: 300_000 } as const;
