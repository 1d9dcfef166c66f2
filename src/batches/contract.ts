/** Names and shapes that a group's workflow shares with those who start it. Pure: safe in workflow code. */

import type { Payload } from './payload.ts';

export const COMMIT_BATCHES = 'commitBatches';

/** One group of batches for one table and mode. The workflow's ID is `<installation>-batches-<group>`. */
export interface CommitBatchesInput {
  /** A UUID (version 7); the batches are `<group>-0`, `<group>-1`, … */
  readonly group: string;
  readonly table: string;
  readonly mode: 'append' | 'merge';
  readonly batches: number;
  /** The `ReceivedBatch`es themselves while they are small, else the key of an object in the storage. */
  readonly payload: Payload;
}

/** Rows of the whole group. The outcome of each batch is in the ledger. */
export interface CommittedGroup {
  readonly sent: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly discarded: number;
}
