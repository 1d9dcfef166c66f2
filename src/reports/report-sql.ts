import { bytesOf, momentText, PAGE_BYTES } from '../db/cell-text.ts';
import { LEDGER_SCHEMA, quoteName, quoteText, REPORT_SCHEMA } from '../db/sql-names.ts';
import type { LiveReport } from './ensure-reports.ts';
import type { ReportChart, ReportColumn } from './report.ts';
import { type ReportRequest, type SortKey, shownColumns } from './report-request.ts';

export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** The most bars of a chart; the smallest of more categories are added up in the last one. */
const MAX_BARS = 50;

/**
 * Rows of a page: `version, total`, then a cell a shown column. The view's version is read by the same statement,
 * so by the same snapshot. There is always a row: past the last page its cells are null, and so is its `place`,
 * the last column. A page of long rows ends before its limit, as in `PAGE_BYTES`.
 */
export function pageStatement(report: LiveReport, request: ReportRequest): Statement {
  const where = conditions(report, request, 3);
  const shown = shownColumns(report);
  const cells = shown.map((column, n) => `${cellText(column)} as c${n}`);
  const names = shown.map((_, n) => `c${n}`);
  const order = orderBy(report, request.sort);
  const text = `
    with chosen as materialized (select * from ${viewOf(report)} ${where.text}),
    page as (
      select ${cells.join(', ')}, row_number() over (order by ${order}) as place, ${bytesOf(shown)} as bytes
        from chosen order by place limit $1 offset $2),
    short as (
      select ${names.join(', ')}, place, bytes, sum(bytes) over (order by place) as total from page)
    select ${[versionOf(report), '(select count(*) from chosen)', ...names, 'place'].join(', ')}
      from (values (1)) as one left join short on total <= ${PAGE_BYTES} or total = bytes order by place`;
  return { text, values: [request.limit, request.offset, ...where.values] };
}

/**
 * Bars of the report's chart: `version, categories, category, merged`, then a sum a value column. `merged` counts the
 * categories that the bar stands for; it is null when there is no bar at all.
 */
export function chartStatement(
  report: LiveReport,
  chart: ReportChart,
  equals: ReportRequest['equals'],
): Statement {
  const where = conditions(report, { equals }, 1);
  const sums = chart.values.map((name, n) => `coalesce(sum(${quoteName(name)}), 0) as v${n}`);
  const names = chart.values.map((_, n) => `v${n}`);
  const slot = `case when of > ${MAX_BARS} then least(place, ${MAX_BARS}) else place end`;
  const text = `
    with bars as (
      select ${quoteName(chart.category)}::text as category, ${sums.join(', ')}
        from ${viewOf(report)} ${where.text} group by ${quoteName(chart.category)}),
    ranked as (
      select *, count(*) over () as of,
             row_number() over (order by ${names.join(' + ')} desc, category collate "C") as place
        from bars),
    merged as (
      select ${slot} as slot, min(of) as of, min(category collate "C") as category, count(*) as merged,
             ${names.map((name) => `sum(${name}) as ${name}`).join(', ')}
        from ranked group by 1)
    select ${versionOf(report)}, coalesce(of, 0), category, merged, ${names.join(', ')}
      from (values (1)) as one left join merged on true order by slot`;
  return { text, values: where.values };
}

function viewOf(report: LiveReport): string {
  return quoteName(REPORT_SCHEMA, report.name);
}

/** A report's name comes from its file. */
function versionOf({ name }: LiveReport): string {
  return `(select version from ${quoteName(LEDGER_SCHEMA, 'report')} where name = ${quoteText(name)})`;
}

/** @param first number of the first placeholder */
function conditions(
  report: LiveReport,
  { equals }: Pick<ReportRequest, 'equals'>,
  first: number,
): { readonly text: string; readonly values: readonly string[] } {
  if (equals.length === 0) return { text: '', values: [] };
  const parts = equals.map(({ column }, n) => {
    const { type } = report.columns.find(({ name }) => name === column)!;
    return `${quoteName(column)} = $${first + n}::text::${type}`;
  });
  return { text: `where ${parts.join(' and ')}`, values: equals.map(({ value }) => value) };
}

/**
 * The key ends every order, so that a row is on one page only. Names are qualified: to PostgreSQL a bare one is that
 * of an output column first.
 */
function orderBy(report: LiveReport, sort: readonly SortKey[]): string {
  const keys: SortKey[] = [];
  const all = [...sort, ...report.order, ...report.key.map((column) => ({ column, descending: false }))];
  for (const key of all) if (!keys.some(({ column }) => column === key.column)) keys.push(key);
  return keys
    .map(({ column, descending }) => `${quoteName('chosen', column)}${descending ? ' desc nulls last' : ''}`)
    .join(', ');
}

/** Moments by RFC 3339; everything else as PostgreSQL writes it. */
function cellText({ name, type }: ReportColumn): string {
  const column = quoteName(name);
  if (type !== 'timestamptz') return column;
  return momentText(column);
}
