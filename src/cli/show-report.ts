import { CliError, EXIT } from './exit-codes.ts';
import { formatCount, formatTable, formatTime, plain } from './format.ts';

/** A report as `GET /v1/reports` lists it, as far as the client reads it. */
export interface ReportAnswer {
  readonly name: string;
  readonly title: string;
  readonly parameters: readonly { readonly name: string }[];
  readonly state: { readonly asOf: string; readonly stale: boolean; readonly rows: number };
}

/** A page of a report's rows; numbers as the text that was sent. */
export interface ReportPage {
  readonly data: readonly Readonly<Record<string, unknown>>[];
  readonly page: { readonly total: number };
  readonly asOf: string;
  readonly stale: boolean;
}

export function reportsTable(reports: readonly ReportAnswer[]): string {
  return formatTable(
    ['report', 'title', 'parameters', 'rows', 'as of (UTC)', 'stale'],
    reports.map(({ name, title, parameters, state }) => [
      name,
      plain(title),
      parameters.map((parameter) => parameter.name).join(', '),
      formatCount(state.rows),
      formatTime(state.asOf),
      state.stale ? 'yes' : 'no',
    ]),
  );
}

/** Rows under the names of their columns; at least one row. */
export function rowsTable(rows: ReportPage['data']): string {
  const names = Object.keys(rows[0]!);
  return formatTable(
    names.map(plain),
    rows.map((row) => names.map((name) => plain(cellText(row[name])))),
  );
}

function cellText(value: unknown): string {
  return value === null || value === undefined ? '' : String(value);
}

/** What `JSON.parse` tells a reviver since ES2026; TypeScript's library does not know it yet. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown;

/** Numbers among the rows stay as they were sent, with every digit. @throws CliError where this is no such page */
export function readPage(text: string): ReportPage {
  try {
    const page = JSON.parse(text) as ReportPage;
    const exact = parse(text, (_key, value, { source }) =>
      typeof value === 'number' ? source : value,
    ) as ReportPage;
    return { data: exact.data, page: { total: page.page.total }, asOf: page.asOf, stale: page.stale };
  } catch (cause) {
    throw new CliError(EXIT.failed, 'the answer is not from Longshore', { cause });
  }
}
