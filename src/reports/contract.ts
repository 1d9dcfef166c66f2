/** Names and shapes that a refresh's workflows share with those who start them. Pure: safe in workflow code. */

export const REFRESH_REPORT = 'refreshReport';

/**
 * Refreshes one report's view, as often as it is asked to while it runs, but not more often than `everyMs`. Its
 * workflow ID is `<installation>-refresh-<name>`, so that never two of one view run.
 */
export interface RefreshReportInput {
  readonly name: string;
  readonly everyMs: number;
  /** When the last refresh began, over continue-as-new; ms since the epoch. */
  readonly lastAtMs?: number;
  /** What was asked for by signals, over continue-as-new. */
  readonly asked?: RefreshAsk;
}

export type RefreshAsk = 'written' | 'refresh';

/** Signal without arguments: something was written to the report's tables. */
export const WRITTEN = 'written';

/** Signal without arguments: refresh, also when the ledger knows of nothing new. */
export const REFRESH = 'refresh';

/** What the runs of `refreshReport` did. */
export interface RefreshedReport {
  /** Of the view; null: the report has been removed. */
  readonly version: number | null;
}

export const REFRESH_ON_SCHEDULE = 'refreshOnSchedule';

/**
 * What the Temporal Schedule `<installation>-report-<name>` runs. It asks `<installation>-refresh-<name>` for a refresh when there is something new,
 * so that all refreshes of a view go through one workflow.
 */
export interface RefreshOnScheduleInput {
  readonly name: string;
}

/** What a run of the schedule found. */
export interface AskedRefresh {
  /** false: nothing has changed. */
  readonly asked: boolean;
}
