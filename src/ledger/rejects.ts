import { parseRecord } from '../csv/parse-record.ts';
import type { Database } from '../db/database.ts';
import type { CellError, Table } from '../types.ts';
import type { RejectView } from './load-view.ts';

export interface RawReject {
  readonly line: number;
  /** The record as it stands in the file, without what ends it. */
  readonly raw: Buffer;
  readonly errors: readonly CellError[];
}

/** A reject as a line of COPY text for `longshore.reject (load_id, line, record, errors)`. */
export function encodeReject(loadId: number, { line, raw, errors }: RawReject): Buffer {
  // jsonb takes no NUL: it is shown as U+2400.
  const json = JSON.stringify(errors, (_, value) =>
    typeof value === 'string' ? value.replaceAll('\0', '\u2400') : value,
  );
  return Buffer.from(`${loadId}\t${line}\t\\\\x${raw.toString('hex')}\t${json.replaceAll('\\', '\\\\')}\n`);
}

/** By line, from the first line after `afterLine`. Cells are read from the original record, whatever is wrong with it. */
export async function listRejects(
  db: Pick<Database, 'query'>,
  loadId: number,
  definition: Pick<Table, 'dialect' | 'encoding'>,
  page: { readonly afterLine: number; readonly limit: number },
): Promise<RejectView[]> {
  const rows = await db.query<{ line: number; record: Buffer | null; errors: CellError[] }>(
    `select line::float8 as line, record, errors from longshore.reject
      where load_id = $1 and line > $2 order by line limit $3`,
    [loadId, page.afterLine, page.limit],
  );
  return rows.map(({ line, record, errors }) => ({
    line,
    cells: record ? parseRecord(record, definition.dialect, definition.encoding) : [],
    errors,
  }));
}

/** Cells of a load's widest reject: at least `usual`, where there is any reject. */
export async function measureRejects(
  db: Pick<Database, 'query'>,
  loadId: number,
  definition: Pick<Table, 'dialect' | 'encoding'>,
  usual: number,
): Promise<number> {
  const [any] = await db.query('select from longshore.reject where load_id = $1 limit 1', [loadId]);
  if (!any) return 0;
  const wide = await db.query<{ record: Buffer }>(
    `select record from longshore.reject
      where load_id = $1 and record is not null and errors @> '[{"code": "extra-cell"}]'`,
    [loadId],
  );
  const widths = wide.map(
    ({ record }) => parseRecord(record, definition.dialect, definition.encoding).length,
  );
  return widths.reduce((most, width) => Math.max(most, width), usual);
}
