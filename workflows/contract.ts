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
