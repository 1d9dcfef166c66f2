import type { ErrorCode } from '../errors.ts';
import type { JobError } from '../jobs/job.ts';
import type { CellError, ReadAs } from '../types.ts';

/** The most rows of one batch. */
export const MAX_BATCH_ROWS = 1000;
/** The most bytes of one batch's body. */
export const MAX_BATCH_BYTES = 8 * 1024 * 1024;

export type BatchMode = 'append' | 'merge';

/** How a batch's body is written; the content type decides. */
export type BatchFormat = 'json' | 'ndjson' | 'csv';

/**
 * A batch as it was received. This is what the committing process gets, so that when the receiver dies, another reads,
 * checks and commits the batch with the same result: JSON-safe, and parsed by pure functions.
 */
export interface ReceivedBatch {
  /** `<group>-<n>`; `n` counts the batches of the group from 0. */
  readonly id: string;
  readonly format: BatchFormat;
  /** All or nothing (`Prefer: handling=strict`, RFC 7240, 4.4). */
  readonly strict: boolean;
  /** How a CSV is written, in place of what the dictionary says of the table; absent: as it says. The body is text. */
  readonly readAs?: ReadAs;
  readonly body: string;
  /** ID of the key that sent it. */
  readonly sentBy: string;
  /** RFC 3339, UTC */
  readonly receivedAt: string;
  readonly idempotency: Idempotency | null;
}

/** draft-ietf-httpapi-idempotency-key-header: the key, and the fingerprint that tells a retry from another request. */
export interface Idempotency {
  readonly key: string;
  /** SHA-256, hex, of everything that decides the outcome: table, mode, handling, format, how it is read, and body. */
  readonly fingerprint: string;
  readonly days: number;
}

/** A rejected row. `row` is the row as it was sent: JSON text, of an object or, from CSV, an array of cells. */
export interface BatchReject {
  /** Position of the row in its batch, from 0. */
  readonly index: number;
  readonly row: string;
  readonly errors: readonly CellError[];
}

/** The state of a batch, as the ledger has it. */
export interface BatchView {
  readonly id: string;
  readonly table: string;
  readonly mode: BatchMode;
  readonly strict: boolean;
  /** `running`: it will be committed, even when this process or any other dies. */
  readonly status: 'running' | 'done' | 'failed';
  readonly workflowId: string;
  readonly runId: string | null;
  /** `_load_id` of its rows, and `_line` of its row with index 0; null until committed, or when nothing went in. */
  readonly loadId: number | null;
  readonly firstLine: number | null;
  /** sent = accepted + rejected + discarded; all but `sent` are 0 while it runs, and `sent` is null when not known. */
  readonly rows: {
    readonly sent: number | null;
    readonly accepted: number;
    readonly rejected: number;
    /** Good rows of a strict batch that had bad ones, of a batch that failed, or that a trigger of the table kept out. */
    readonly discarded: number;
  };
  /** Why it failed as a whole. Rejected rows are not an error in this sense. */
  readonly error: JobError | null;
  readonly receivedAt: string | null;
  readonly committedAt: string | null;
}

/** A batch's end, with what its answer needs: told apart by `'view' in outcome`. */
export type BatchOutcome = EndedBatch | RefusedBatch;

export interface EndedBatch {
  readonly view: BatchView;
  /** By index. */
  readonly rejects: readonly BatchReject[];
  /** The Idempotency-Key had an outcome already: this repeats it, and nothing was written now. */
  readonly replayed: boolean;
}

/** Nothing of it was written, and the ledger does not know it: its key belongs to another request. */
export interface RefusedBatch {
  readonly refused: Extract<ErrorCode, 'idempotency-key-reused'>;
}

/** Which batches a list holds: newest first. */
export interface BatchFilter {
  /** Only batches of these tables; absent: of every table. */
  readonly tables?: readonly string[];
  /** Only those of the group with this ID (`_load_id` of their rows). */
  readonly loadId?: number;
  /** ID of the last batch of the page before. */
  readonly before?: string;
  readonly limit: number;
}

export interface BatchRejectsPage {
  /** Column names of rows that came as CSV; null: the table's fields, in their order. */
  readonly header: readonly string[] | null;
  readonly rejects: readonly BatchReject[];
  readonly more: boolean;
}
