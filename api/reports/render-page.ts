import { csvLine } from '../../src/csv/write-csv.ts';
import type { LiveReport } from '../../src/reports/ensure-reports.ts';
import type { ReportColumn, ReportState } from '../../src/reports/report.ts';
import type { Cell, ReportPage } from '../../src/reports/report-reader.ts';
import { type ReportRequest, shownColumns } from '../../src/reports/report-request.ts';
import { JSON_NUMBER } from '../http/json-number.ts';
import { pageLinks } from './report-links.ts';

/** A page as JSON: `{name, title, asOf, stale, includes, data, page}`; each row has its columns in their order. */
export function pageJson(
  report: LiveReport,
  request: ReportRequest,
  state: ReportState,
  page: ReportPage,
): string {
  const { name, title } = report;
  const { asOf, stale, includes } = state;
  const { limit, offset } = request;
  const { next, previous } = pageLinks(
    report,
    request,
    { total: page.total, count: page.rows.length },
    'json',
  );
  const head = JSON.stringify({ name, title, asOf, stale, includes });
  const tail = JSON.stringify({ page: { limit, offset, total: page.total, next, previous } });
  return `${head.slice(0, -1)},"data":${rowsJson(shownColumns(report), page)},${tail.slice(1)}`;
}

function rowsJson(columns: readonly ReportColumn[], { rows }: ReportPage): string {
  const names = columns.map(({ name }) => `${JSON.stringify(name)}:`);
  const cells = columns.map(({ type }) => JSON_CELLS[type]);
  const lines = rows.map((row) => `{${row.map((cell, n) => names[n] + cells[n]!(cell)).join(',')}}`);
  return `[${lines.join(',')}]`;
}

/** Numbers have every stored digit, even where a JSON parser would round them. */
const number = (cell: Cell) => {
  if (cell === null) return 'null';
  // NaN and the infinities are no JSON numbers: they stay text.
  return JSON_NUMBER.test(cell) ? cell : JSON.stringify(cell);
};
const text = (cell: Cell) => JSON.stringify(cell);

const JSON_CELLS: Readonly<Record<ReportColumn['type'], (cell: Cell) => string>> = {
  integer: number,
  bigint: number,
  numeric: number,
  'double precision': number,
  boolean: (cell) => booleanText(cell) ?? 'null',
  text,
  date: text,
  time: text,
  timestamptz: text,
};

/** A page as CSV (RFC 4180) with a header row; null is an empty cell. Cells are data, formulas too: see `csvLine`. */
export function pageCsv(report: LiveReport, { rows }: ReportPage): string {
  const columns = shownColumns(report);
  const booleans = columns.map(({ type }) => type === 'boolean');
  const lines = rows.map((row) =>
    csvLine(row.map((cell, n) => (booleans[n] ? booleanText(cell) : cell) ?? '')),
  );
  return csvLine(columns.map(({ name }) => name)) + lines.join('');
}

function booleanText(cell: Cell): string | null {
  return cell === null ? null : String(cell === 't');
}
