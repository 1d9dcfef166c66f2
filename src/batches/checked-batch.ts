import type { BatchReject, ReceivedBatch } from './batch.ts';

/** A row that obeys every rule that it can be checked for by itself. */
export interface GoodRow {
  /** Of the row in its batch, from 0. */
  readonly index: number;
  /** In the dictionary's order of the fields, as the text that PostgreSQL's input functions take. */
  readonly values: readonly (string | null)[];
  /**
   * In a merge, for each field `1` when the row has it, `0` when it leaves it as it is in the table; absent: it has all.
   */
  readonly given?: string;
}

/** A batch whose rows were checked one by one. What only the table can tell (keys, references) comes at the commit. */
export interface CheckedBatch {
  readonly received: ReceivedBatch;
  /** What its cells are called, when it is CSV with columns that are not the table's fields in their order; else null. */
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

/** What the readers of the formats give. */
export type ReadRows = Omit<CheckedBatch, 'received'>;
