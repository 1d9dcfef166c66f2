import { parseRecordInSteps } from '../csv/parse-record.ts';
import { PAGE_BYTES } from '../db/cell-text.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { inSlices, type Steps } from '../in-slices.ts';

import type { CellError, Table } from '../types.ts';

export interface RawReject {
  readonly line: number;
  /** The record as it stands in the file, without what ends it. */
  readonly raw: Buffer;
  readonly errors: readonly CellError[];
}

/** Rejects as lines of COPY text for `longshore.reject (load_id, line, record, errors)`. */
export function encodeRejects(loadId: number, rejects: readonly RawReject[]): Buffer {
  const lines = rejects.map(
    ({ line, raw, errors }) =>
      `${loadId}\t${line}\t\\\\x${raw.toString('hex')}\t${jsonOfErrors(errors).replaceAll('\\', '\\\\')}\n`,
  );
  return Buffer.from(lines.join(''));
}

/** jsonb takes no NUL: it becomes U+2400. A replacer makes JSON several times slower, so it is used only where needed. */
export function jsonOfErrors(errors: readonly CellError[]): string {
  const json = JSON.stringify(errors);
  if (!json.includes('\\u0000')) return json;
  return JSON.stringify(errors, (_, value) =>
    typeof value === 'string' ? value.replaceAll('\0', '\u2400') : value,
  );
}

export interface RejectsPage {
  readonly rejects: readonly RejectView[];
  readonly more: boolean;
}

const LIST_REJECTS = statement<RejectRow & { found: number }>`
  select line::float8 as line, record, errors, found from (
    select line, record, errors, row_number() over by_line as nth, (count(*) over ())::int as found,
           sum(coalesce(octet_length(record), 0) + pg_column_size(errors)) over by_line as bytes
      from (select line, record, errors from longshore.reject
             where load_id = $1 and line > $2 order by line limit $3 + 1) r
    window by_line as (order by line)) r
   where nth = 1 or (nth <= $3 and bytes <= $4) order by line`;

/** Rejects by line, from the first after `afterLine`. Cells are parsed from the original record, best effort. */
export async function listRejects(
  db: Sql,
  loadId: number,
  definition: Pick<Table, 'dialect' | 'encoding'>,
  page: { readonly afterLine: number; readonly limit: number },
): Promise<RejectsPage> {
  const rows = await db.query(LIST_REJECTS, [loadId, page.afterLine, page.limit, PAGE_BYTES]);
  const rejects = await inSlices(parseRejects(rows, definition));
  return { rejects, more: (rows[0]?.found ?? 0) > rows.length };
}

interface RejectRow {
  readonly line: number;
  readonly record: Buffer | null;
  readonly errors: CellError[];
}

function* parseRejects(
  rows: readonly RejectRow[],
  { dialect, encoding }: Pick<Table, 'dialect' | 'encoding'>,
): Steps<RejectView[]> {
  const rejects: RejectView[] = [];
  for (const { line, record, errors } of rows) {
    const cells = record ? yield* parseRecordInSteps(record, dialect, encoding) : [];
    rejects.push({ line, cells, errors });
    yield;
  }
  return rejects;
}

const HAS_EXTRA_CELLS = statement`select from longshore.reject where load_id = $1 and errors @> '[{"code": "extra-cell"}]' limit 1`;

/** Whether any reject of a load has more cells than it should. */
export async function hasExtraCells(db: Sql, loadId: number): Promise<boolean> {
  const found = await db.query(HAS_EXTRA_CELLS, [loadId]);
  return found.length > 0;
}

/** A rejected row. `cells` are the original cells (decoded; bytes that are not valid text become U+FFFD). */
export interface RejectView {
  readonly line: number;
  readonly cells: readonly string[];
  readonly errors: readonly CellError[];
}
