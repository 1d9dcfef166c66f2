import type { ErrorCode } from '../errors.ts';
import type { ColumnType } from '../rows/column-type.ts';

/**
 * A report as its file describes it: `<name>.sql`, a header of `-- word: value` lines, then one SELECT.
 *
 * ```sql
 * -- title: Hires by department, job and quarter
 * -- description: …
 * -- parameter: year integer 1 9999 The year of the hires
 * -- tables: hired_employees, departments, jobs
 * -- key: year, department_id, job_id
 * -- hidden: department_id, job_id
 * -- order: department, job
 * -- refresh: 15m
 * -- chart: stacked department Q1 Q2 Q3 Q4
 * select …
 * ```
 */
export interface Report {
  /** Of the file, without `.sql`: lower-case letters, digits and hyphens. */
  readonly name: string;
  /** For messages. */
  readonly file: string;
  readonly title: string;
  readonly description: string | null;
  /** Columns of the view that a request has to give a value for; they are not part of the answer. */
  readonly parameters: readonly ReportParameter[];
  /** Tables of the dictionary that it reads. */
  readonly tables: readonly string[];
  /** Columns of the unique index that `REFRESH … CONCURRENTLY` needs. */
  readonly key: readonly string[];
  /** Columns that are not part of the answer either. */
  readonly hidden: readonly string[];
  readonly order: readonly { readonly column: string; readonly descending: boolean }[];
  /** Seconds between scheduled refreshes. */
  readonly refreshSeconds: number;
  /** null: it has no chart. */
  readonly chart: ReportChart | null;
  /** The file's text without a last semicolon: the header, which is comments to SQL, and the SELECT. */
  readonly sql: string;
  /** SHA-256, hex, of what decides the view and its indexes: the SELECT, the key and the parameters' names. */
  readonly hash: string;
}

export interface ReportParameter {
  readonly name: string;
  readonly type: 'integer' | 'string' | 'date';
  /** integer only */
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly description: string | null;
}

export interface ReportChart {
  readonly kind: 'bar' | 'stacked';
  /** Column whose values are the categories; rows with the same one are added up. */
  readonly category: string;
  readonly values: readonly string[];
}

/** A column of a report's view, as PostgreSQL has it. */
export interface ReportColumn {
  readonly name: string;
  readonly type: ColumnType | 'double precision';
}

/** What the ledger knows of a report's view. */
export interface ReportState {
  readonly name: string;
  /** Counts refreshes and rebuilds; part of the ETag. */
  readonly version: number;
  /** When the snapshot was taken that the view shows (RFC 3339, UTC). */
  readonly asOf: string;
  /** How long the last refresh took. */
  readonly seconds: number;
  readonly rows: number;
  /** The newest load, and the newest group of batches (`_load_id`), of its tables in that snapshot. */
  readonly includes: { readonly load: number | null; readonly group: number | null };
  /** Something that it does not include was committed to its tables since. */
  readonly stale: boolean;
  /** Why it can't be refreshed at the moment, and since when (RFC 3339, UTC); null: the last refresh went well. */
  readonly failure: { readonly code: ErrorCode; readonly message: string; readonly since: string } | null;
}
