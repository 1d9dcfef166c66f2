import type { BatchView } from './batch.ts';

/** What the process counts of batches. Cheap to call: thousands of times a second. */
export interface BatchMetrics {
  /** Called when a batch has an outcome of its own; not for a replayed one. */
  batchEnded(batch: EndedBatch): void;
  /** Called when a group is committed, with the time from its start to the end of its transaction. */
  groupCommitted(group: CommittedGroupSize): void;
  /** Sets the function that reads, at each scrape, how many batches wait or are being committed, and their bytes. */
  watchQueue(read: () => { readonly batches: number; readonly bytes: number }): void;
}

export interface EndedBatch {
  readonly table: string;
  readonly rows: BatchView['rows'];
  /** Time since its body was read. */
  readonly seconds: number;
}

export interface CommittedGroupSize {
  readonly table: string;
  readonly batches: number;
  readonly rows: number;
  readonly seconds: number;
}
