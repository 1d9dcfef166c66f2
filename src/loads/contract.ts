/** Names and shapes that a load's workflow shares with its callers. Pure: safe in workflow code. */

export const LOAD_CSV = 'loadCsv';

/** A file that is read, checked and copied in a tenth of a second or so. */
const MOMENTS_BYTES = 1024 * 1024;

/** Whether a load takes moments: each of its steps then goes before those of all others. */
export function takesMoments(bytes: number | null): boolean {
  return bytes !== null && bytes <= MOMENTS_BYTES;
}

/** Temporal's priority of steps that go first. */
export const AT_ONCE = { priorityKey: 1 } as const;

export interface LoadCsvInput {
  readonly loadId: number;
  /** `uid` of the ledger's row: a row of this number with another uid is another load. Absent in older workflows. */
  readonly uid?: string;
  readonly table: string;
  readonly mode: 'append' | 'replace' | 'merge';
  /** Carried over continue-as-new: chunks below this number are done. */
  readonly nextChunk?: number;
  readonly paused?: boolean;
  /** Whether the number of rejects becomes a search attribute: Temporal knows it. Absent in older workflows. */
  readonly tellsRejects?: boolean;
  /** Whether its short steps on the ledger begin as local activities. Absent in older workflows. */
  readonly localSteps?: boolean;
  /** It takes moments. */
  readonly short?: boolean;
  /** Carried over continue-as-new: counts of the chunks that are done. */
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

/** Sent to the workflows of files of arrivals that wait for the load, when it ends. */
export const LOAD_ENDED = 'loadEnded';
