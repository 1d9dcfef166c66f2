/**
 * PostgreSQL's COPY text format (its documentation of COPY, "Text Format") with the default delimiter and NULL.
 * Only what must be escaped is: the backslash, the delimiter and what would end the line. NUL has no form at all
 * in it; the validator rejects cells that hold one.
 */

const ESCAPED = /[\\\t\n\r]/;
const EVERY_ESCAPED = /[\\\t\n\r]/g;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** A value as COPY text; null as `\N`. */
export function copyValue(value: string | null): string {
  if (value === null) return '\\N';
  return ESCAPED.test(value) ? value.replace(EVERY_ESCAPED, (character) => ESCAPES[character]!) : value;
}

/** A line of COPY text, its line end included: the row's line number, then its values. */
export function copyRow(line: number, values: readonly (string | null)[]): string {
  let row = String(line);
  for (const value of values) row += `\t${copyValue(value)}`;
  return `${row}\n`;
}
