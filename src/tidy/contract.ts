import type { LedgerAges } from '../ledger-ages.ts';

/** Names and shapes that the tidying workflow shares with its schedule. Pure: safe in workflow code. */

export const TIDY_LEDGER = 'tidyLedger';

/** Input of the runs of the Temporal Schedule `<installation>-tidy-ledger`, which deletes old entries of the ledger. */
export type TidyLedgerInput = LedgerAges;

/** Counts of what a run has deleted. */
export interface TidiedLedger {
  readonly rejects: number;
  readonly loads: number;
  readonly batches: number;
  readonly restores: number;
  readonly backups: number;
  readonly audit: number;
}
