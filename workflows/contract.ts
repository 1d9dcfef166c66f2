/** Names and shapes that the API and the workflows share. Pure: safe in workflow code. */

/** Task queue of workflows and of the short activities that run beside them. */
export const WORKFLOW_QUEUE = 'longshore';
/** Task queue of the activity workers. */
export const ACTIVITY_QUEUE = 'longshore-activities';

export const LOAD_CSV = 'loadCsv';

export interface LoadCsvInput {
  readonly loadId: number;
  readonly table: string;
  readonly mode: 'append' | 'replace' | 'merge';
  /** Carried over continue-as-new: chunks below this number are done. */
  readonly nextChunk?: number;
  readonly paused?: boolean;
  /** Carried over continue-as-new: what the chunks so far counted. */
  readonly done?: ChunkCounts;
}

export interface ChunkCounts {
  readonly chunks: number;
  readonly bytes: number;
  readonly read: number;
  readonly rejected: number;
}

/** Signals without arguments. */
export const PAUSE = 'pause';
export const RESUME = 'resume';
/** Sent by the load that a queued one waits for, when it ends. */
export const TURN = 'turn';

export const COMMIT_BATCHES = 'commitBatches';

/** One group of batches for one table and mode. The workflow's ID is `batches-<group>`. */
export interface CommitBatchesInput {
  /** A UUID (version 7); the batches are `<group>-0`, `<group>-1`, … */
  readonly group: string;
  readonly table: string;
  readonly mode: 'append' | 'merge';
  readonly batches: number;
  /** JSON of the `ReceivedBatch`es: as it is while it is small, else a key in the storage. */
  readonly payload: { readonly inline: string } | { readonly key: string };
}

/** Rows of the whole group. The outcome of each batch is in the ledger. */
export interface CommittedGroup {
  readonly sent: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly discarded: number;
}

export const BACK_UP = 'backUp';

/** The workflow's ID is `backup-<id>`. */
export interface BackUpInput {
  readonly backupId: string;
  /** Carried by schedules: a run of a schedule makes its own backup, with an ID from its own start. */
  readonly tables: readonly string[];
}

export const RESTORE = 'restore';

/** Restores, dry runs and drills. The workflow's ID is `restore-<id>` (or `drill-<id>`, `dry-run-<id>`). */
export interface RestoreInput {
  readonly restoreId: number;
}
