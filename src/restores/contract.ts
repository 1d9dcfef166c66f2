/** Names and shapes that a restore's workflow shares with its callers. Pure: safe in workflow code. */

export const RESTORE = 'restore';

/** Restores, dry runs and drills: `<installation>-restore-<id>-<part of the uid>` (or `…-drill-…`, `…-dry-run-…`). */
export interface RestoreInput {
  readonly restoreId: number;
  /** As `uid` of `LoadCsvInput`. */
  readonly uid?: string;
}

/** The result of a restore, a dry run or a drill. */
export interface Restored {
  readonly restoreId: number;
  readonly rows: number;
}
