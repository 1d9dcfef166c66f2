import type { Database } from '../db/database.ts';
import { quoteName, quoteNames } from '../db/sql-names.ts';
import { sqlstateOf } from '../db/sqlstate.ts';
import { LongshoreError } from '../errors.ts';
import { liveName } from '../publish/table-state.ts';
import { columnType } from '../rows/column-type.ts';
import type { Field, Table } from '../types.ts';

/** Up to this many rows, by the planner's estimate, a table is counted when it is asked about. */
const COUNTED_ROWS = 500_000;

export interface TableSize {
  readonly name: string;
  readonly rows: number;
  readonly rowsExact: boolean;
  /** On disk, indexes included. */
  readonly bytes: number;
  readonly lastLoadId: number | null;
}

export async function measureTable(db: Pick<Database, 'query'>, table: Table): Promise<TableSize> {
  const live = liveName(table);
  const [size] = await db.query<{ estimate: number; bytes: number; lastLoadId: number | null }>(
    `select reltuples::float8 as estimate, pg_total_relation_size(oid)::float8 as bytes,
            (select max(id) from longshore.load where table_name = $2 and status = 'done') as "lastLoadId"
       from pg_class where oid = $1::regclass`,
    [live, table.name],
  );
  const { estimate = 0, bytes = 0, lastLoadId = null } = size ?? {};
  const rowsExact = estimate <= COUNTED_ROWS;
  if (!rowsExact) return { name: table.name, rows: estimate, rowsExact, bytes, lastLoadId };
  const [counted] = await db.query<{ rows: number }>(`select count(*)::float8 as rows from ${live}`);
  return { name: table.name, rows: counted?.rows ?? 0, rowsExact, bytes, lastLoadId };
}

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
 * One page of a table's rows as text, by keyset: as quick for the last page as for the first.
 *
 * @throws LongshoreError `invalid-request` when `after` is no key of the table
 */
export async function readRows(
  db: Pick<Database, 'query'>,
  table: Table,
  { after, limit }: RowsQuery,
): Promise<{ rows: TextRow[]; next: readonly string[] | null }> {
  const keyed = table.primaryKey.length > 0;
  const key = keyed ? table.primaryKey : ['_load_id', '_line'];
  const keyTypes = key.map((name) => {
    const field = table.fields.find((f) => f.name === name);
    return field ? columnType(field) : 'bigint';
  });
  if (after && after.length !== key.length) throw wrongCursor();
  const from = after
    ? `where (${quoteNames(key)}) > (${key.map((_, i) => `$${i + 2}::text::${keyTypes[i]}`).join(', ')})`
    : '';
  const cells = table.fields.map(cellText).join(', ');
  const keys = key.map((name) => `${quoteName(name)}::text`).join(', ');
  const rows = await db
    .query<{ loadId: number; line: number; cells: (string | null)[]; key: string[] }>(
      `select coalesce(_load_id, 0)::float8 as "loadId", coalesce(_line, 0)::float8 as line,
              array[${cells}]::text[] as cells, array[${keys}] as key
         from ${liveName(table)} ${from} order by ${quoteNames(key)} limit $1`,
      [limit, ...(after ?? [])],
    )
    .catch((error) => {
      if (after && sqlstateOf(error)?.startsWith('22')) throw wrongCursor(error);
      throw error;
    });
  return { rows, next: rows.length === limit ? (rows.at(-1)?.key ?? null) : null };
}

/** A cell as JSON shows it: RFC 3339 for moments, every digit for numbers. */
function cellText(field: Field): string {
  const name = quoteName(field.name);
  if (field.type !== 'datetime') return `${name}::text`;
  return `to_char(${name} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}

function wrongCursor(cause?: unknown): LongshoreError {
  const detail = 'after: is not the cursor of a page of this table';
  return new LongshoreError('invalid-request', detail, { cause, places: [{ parameter: 'after', detail }] });
}
