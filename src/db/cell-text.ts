import { quoteName } from './sql-names.ts';

/**
 * SQL: a moment as the text that readers see, RFC 3339 in UTC. What RFC 3339 has no form for is as PostgreSQL writes
 * it: `infinity`, `-infinity`, and an era, as in `0044-03-15T12:00:00.000000Z BC`.
 */
export function momentText(expression: string): string {
  const form = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"`;
  return `case when isfinite(${expression}) then to_char(${expression} at time zone 'UTC',
    case when ${expression} < '0001-01-01 00:00:00+00' then ${form} BC' else ${form}' end) else ${expression}::text end`;
}

/**
 * The most bytes of cells in one page of rows, whatever its limit of rows: a page that reaches it ends there, and the
 * next one goes on. The first row is always in: a row can be as long as a record of a file.
 */
export const PAGE_BYTES = 4 * 1024 * 1024;

/** A row beyond this was made by SQL, and has no place in this process's memory. */
export const MAX_ROW_BYTES = 64 * 1024 * 1024;

/** SQL: the bytes of these columns' texts, without reading those that are stored apart. */
export function bytesOf(
  columns: readonly { readonly name: string; readonly type: string }[],
  alias?: string,
): string {
  const sizes = columns
    .filter(({ type }) => type === 'text' || type === 'numeric')
    .map(({ name, type }) => {
      const column = alias === undefined ? quoteName(name) : `${alias}.${quoteName(name)}`;
      return `coalesce(octet_length(${type === 'text' ? column : `${column}::text`}), 0)`;
    });
  return `(${['0', ...sizes].join(' + ')})::float8`;
}
