import type { LedgerAges } from '../ledger-ages.ts';

/** Names and shapes that the tidying workflow shares with its schedule. Pure: safe in workflow code. */

export const TIDY_LEDGER = 'tidyLedger';

/** What the Temporal Schedule `<installation>-tidy-ledger` runs: deletes entries of the ledger that are old. */
export type TidyLedgerInput = LedgerAges;

/** What a run has deleted. */
export interface TidiedLedger {
  readonly rejects: number;
  readonly loads: number;
  readonly batches: number;
  readonly restores: number;
  readonly backups: number;
  readonly audit: number;
}
