/** Names and shapes that a refresh's workflows share with their callers. Pure: safe in workflow code. */

export const REFRESH_REPORT = 'refreshReport';

/**
 * Refreshes one report's view on request, at most once in `everyMs`. Its workflow ID is `<installation>-refresh-<name>`,
 * so that two refreshes of one view never run at the same time.
 */
export interface RefreshReportInput {
  readonly name: string;
  readonly everyMs: number;
  /** When the last refresh began, over continue-as-new; ms since the epoch. */
  readonly lastAtMs?: number;
  /** Requests by signals, carried over continue-as-new. */
  readonly asked?: RefreshAsk;
}

export type RefreshAsk = 'written' | 'refresh';

/** Signal without arguments: something was written to the report's tables. */
export const WRITTEN = 'written';

/** Signal without arguments: refresh, even when the ledger has nothing new. */
export const REFRESH = 'refresh';

/** The result of `refreshReport`'s runs. */
export interface RefreshedReport {
  /** Of the view; null: the report has been removed. */
  readonly version: number | null;
}

export const REFRESH_ON_SCHEDULE = 'refreshOnSchedule';

/**
 * Input of the runs of the Temporal Schedule `<installation>-report-<name>`. They request a refresh from
 * `<installation>-refresh-<name>` when there is something new, so that all refreshes of a view go through one workflow.
 */
export interface RefreshOnScheduleInput {
  readonly name: string;
}

/** The result of a run of the schedule. */
export interface AskedRefresh {
  /** false: nothing has changed. */
  readonly asked: boolean;
}
