import type { JobView } from '../jobs/job.ts';
import type { LoadMode, LoadStatus, MaxRejects, ReadAs } from '../types.ts';

/** A load as users see it: over HTTP, in the client, in the Temporal UI. */
export interface LoadView extends JobView {
  readonly id: number;
  readonly table: string;
  readonly mode: LoadMode;
  readonly status: LoadStatus;
  readonly paused: boolean;
  /** The load of the same table that has to end first, while the status is `queued`. */
  readonly queuedBehind: number | null;
  readonly source: LoadSource;
  /** null until surveyed */
  readonly sha256: string | null;
  readonly maxRejects: MaxRejects | null;
  /** How the file is read in place of what the dictionary says of the table; null: as it says. */
  readonly readAs: ReadAs | null;
  readonly progress: {
    readonly bytes: number;
    readonly bytesTotal: number | null;
    readonly chunks: number;
    readonly chunksTotal: number | null;
    readonly rowsPerSecond: number | null;
    /** null when it can't be estimated yet, and when the load has ended */
    readonly secondsLeft: number | null;
  };
  /**
   * Totals; of a running load, those of its finished chunks. At the end every row of the file is accounted for:
   * read = loaded + rejected + unchanged + discarded.
   */
  readonly rows: LoadTotals;
  /** How its file seems to be written, where it was read otherwise and refused, or much of it. */
  readonly hint?: string;
  readonly startedAt: string | null;
}

export interface LoadTotals {
  readonly read: number;
  readonly loaded: number;
  readonly rejected: number;
  readonly unchanged: number;
  /**
   * Good rows that are not in the table: all of them when the load failed or was cancelled; when it is done, those that
   * a trigger or a rule of the table kept out.
   */
  readonly discarded: number;
}

export interface LoadSource {
  readonly kind: 'upload' | 'inbox';
  /** The uploaded file's name, or the path below `inbox/`. */
  readonly name: string;
  /** Key of the object in the storage. */
  readonly key: string;
  /** What the file was wrapped in, from the outside to the inside, such as `gzip`, `utf-16le`; absent: in nothing. */
  readonly wrappings?: readonly string[];
}
