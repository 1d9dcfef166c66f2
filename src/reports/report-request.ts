import type { LiveReport } from './ensure-reports.ts';
import type { ReportColumn } from './report.ts';

/** A validated request to a report: names are columns of it, values fit their types. */
export interface ReportRequest {
  /** A value for each parameter, and for each column to filter by. Rows match all of them. */
  readonly equals: readonly ColumnValue[];
  /** Precedes the report's own order. Empty: that order alone. */
  readonly sort: readonly SortKey[];
  readonly limit: number;
  readonly offset: number;
}

/** A value as PostgreSQL reads its type. */
export interface ColumnValue {
  readonly column: string;
  readonly value: string;
}

export interface SortKey {
  readonly column: string;
  readonly descending: boolean;
}

/** The most rows of an answer. */
export const MAX_LIMIT = 10_000;

/** The columns of the answer, in order: those of the view without parameters and hidden ones. */
export function shownColumns(report: LiveReport): readonly ReportColumn[] {
  const parameters = report.parameters.map(({ name }) => name);
  return report.columns.filter(({ name }) => !parameters.includes(name) && !report.hidden.includes(name));
}
