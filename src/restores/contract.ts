/** Names and shapes that a restore's workflow shares with those who start it. Pure: safe in workflow code. */

export const RESTORE = 'restore';

/** Restores, dry runs and drills: `<installation>-restore-<id>-<part of the uid>` (or `…-drill-…`, `…-dry-run-…`). */
export interface RestoreInput {
  readonly restoreId: number;
  /** As `uid` of `LoadCsvInput`. */
  readonly uid?: string;
}

/** What a restore, a dry run or a drill did. */
export interface Restored {
  readonly restoreId: number;
  readonly rows: number;
}
