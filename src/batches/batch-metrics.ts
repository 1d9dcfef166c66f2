import type { BatchView } from './batch.ts';

/** What the process counts of batches. Cheap to call: thousands of times a second. */
export interface BatchMetrics {
  /** A batch has its outcome, one of its own: not for a repeated one. */
  batchEnded(batch: EndedBatch): void;
  /** A group is in the table: the time from its start to the end of its transaction. */
  groupCommitted(group: CommittedGroupSize): void;
  /** Where to read, at each scrape, how many batches wait or are being committed, and the bytes of their bodies. */
  watchQueue(read: () => { readonly batches: number; readonly bytes: number }): void;
}

export interface EndedBatch {
  readonly table: string;
  readonly rows: BatchView['rows'];
  /** Since its body was read. */
  readonly seconds: number;
}

export interface CommittedGroupSize {
  readonly table: string;
  readonly batches: number;
  readonly rows: number;
  readonly seconds: number;
}
