import type { BatchReject, ReceivedBatch } from './batch.ts';

/** A row that satisfies every rule that can be checked on it alone. */
export interface GoodRow {
  /** Position of the row in its batch, from 0. */
  readonly index: number;
  /** In the dictionary's order of the fields, as the text that PostgreSQL's input functions take. */
  readonly values: readonly (string | null)[];
  /**
   * In a merge: for each field `1` when the row has it, `0` when the table's value stays; absent: the row has all.
   */
  readonly given?: string;
}

/** A batch whose rows were checked one by one. Rules that need the table (keys, references) are checked at the commit. */
export interface CheckedBatch {
  readonly received: ReceivedBatch;
  /** Column names of a CSV whose columns are not the table's fields in their order; else null. */
  readonly header: readonly string[] | null;
  /** Rows of the batch: `good` and `rejects` together. */
  readonly sent: number;
  /** By index. */
  readonly good: readonly GoodRow[];
  /** By index. */
  readonly rejects: readonly BatchReject[];
  /** A row as it was sent: JSON text, of an object or, from CSV, an array of cells. */
  rowText(index: number): string;
}

/** The result of each format's reader. */
export type ReadRows = Omit<CheckedBatch, 'received'>;
