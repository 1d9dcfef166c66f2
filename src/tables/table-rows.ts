import { columnsWithTypes } from '../avro/schema.ts';
import { bytesOf, MAX_ROW_BYTES, momentText, PAGE_BYTES } from '../db/cell-text.ts';
import type { Sql } from '../db/sql.ts';
import { quoteName, quoteNames } from '../db/sql-names.ts';
import { isRefusal, sqlstateOf } from '../db/sqlstate.ts';
import { LongshoreError } from '../errors.ts';
import { quoted } from '../shorten.ts';
import type { Field, Table } from '../types.ts';
import { refuseBroken } from './measure-tables.ts';
import { liveName } from './table-state.ts';

export interface RowsQuery {
  readonly after: readonly string[] | null;
  readonly limit: number;
}

export interface TextRow {
  readonly loadId: number;
  readonly line: number;
  readonly cells: readonly (string | null)[];
}

/**
 * One page of a table's rows as text, by keyset: as quick for the last page as for the first. It may have fewer rows
 * than its limit where they are long (`PAGE_BYTES`); `next` is null on the last page only.
 *
 * @throws LongshoreError `invalid-request` when `after` is no key of the table, `row-too-large`, `table-broken`
 */
export async function readRows(
  db: Sql,
  table: Table,
  { after, limit }: RowsQuery,
): Promise<{ rows: TextRow[]; next: readonly string[] | null }> {
  const keyed = table.primaryKey.length > 0;
  const key = keyed ? table.primaryKey : ['_load_id', '_line'];
  if (after && after.length !== key.length) throw wrongCursor();
  const found = await db
    .query<PageRow>(pageSql(table, key, after !== null), [limit, ...(after ?? [])])
    .catch(async (error) => {
      if (after && sqlstateOf(error)?.startsWith('22')) throw wrongCursor(error);
      if (isRefusal(error)) await refuseBroken(db, table, error);
      throw error;
    });
  const rows = found.map((row) => ({
    loadId: row.loadId,
    line: row.line,
    cells: table.fields.map((_, i) => row[`c${i}`] as string | null),
  }));
  const last = found.at(-1);
  if (last?.fits === false) throw tooLarge(table, key, last);
  const more = last !== undefined && (last.found === limit || last.found > rows.length);
  return { rows, next: more ? key.map((_, i) => last[`k${i}`] as string) : null };
}

/** Cells are `c0`, `c1` and so on, texts of the primary key `k0`, `k1`. */
interface PageRow {
  readonly [column: `c${number}` | `k${number}`]: string | null;
  readonly loadId: number;
  readonly line: number;
  /** Rows up to the limit, of which these are the first. */
  readonly found: number;
  /** Whether the row is small enough to be read; its cells are null where it is not. */
  readonly fits: boolean;
}

/** Each cell is a column, since the driver parses an array's text character by character. */
function pageSql(table: Table, key: readonly string[], following: boolean): string {
  const types = new Map(columnsWithTypes(table).map(({ name, type }) => [name, type]));
  const after = key.map((name, i) => `$${i + 2}::text::${types.get(name)}`).join(', ');
  const cells = table.fields.map((field, i) => `${cellText(field)} as c${i}`);
  const keys = key.map((name, i) => `${quoteName(name)} as k${i}`);
  const shown = [
    ...cells.map((_, i) => `case when bytes <= ${MAX_ROW_BYTES} then c${i} end as c${i}`),
    ...keys.map((_, i) => `k${i}::text as k${i}`),
  ];
  const order = keys.map((_, i) => `page.k${i}`).join(', ');
  return `
    select "loadId", line, found, bytes <= ${MAX_ROW_BYTES} as fits, ${shown.join(', ')}
      from (select page.*, (count(*) over ())::int as found,
                   sum(bytes) over (order by ${order} rows unbounded preceding) as total
              from (select coalesce(_load_id, 0)::float8 as "loadId", coalesce(_line, 0)::float8 as line,
                           ${bytesOf(columnsWithTypes(table))} as bytes, ${[...cells, ...keys].join(', ')}
                      from ${liveName(table)} ${following ? `where (${quoteNames(key)}) > (${after})` : ''}
                     order by ${quoteNames(key)} limit $1) page) page
     where total <= ${PAGE_BYTES} or total = bytes order by ${order}`;
}

/** A cell as JSON shows it: RFC 3339 for moments, every digit for numbers. */
function cellText(field: Field): string {
  const name = quoteName(field.name);
  return field.type === 'datetime' ? momentText(name) : `${name}::text`;
}

function tooLarge(table: Table, key: readonly string[], row: PageRow): LongshoreError {
  const place = key.map((name, i) => `${name} ${quoted(row[`k${i}`] ?? 'null')}`).join(', ');
  const message = `the row of ${table.name} with ${place} has more than ${MAX_ROW_BYTES} bytes`;
  return new LongshoreError('row-too-large', message);
}

function wrongCursor(cause?: unknown): LongshoreError {
  const detail = 'after: is not the cursor of a page of this table';
  return new LongshoreError('invalid-request', detail, { cause, places: [{ parameter: 'after', detail }] });
}
