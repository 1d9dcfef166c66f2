/** ES2026, in V8 already; TypeScript's library does not know it yet. */
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
};

/**
 * A rejected row of a batch as cells: an array as it is; an object in the order of the columns, then what it has
 * beyond them as `name=value`; anything else as one cell. Numbers keep every digit.
 * @param row JSON text
 */
export function rejectCells(row: string, columns: readonly string[]): readonly string[] {
  // Every number stays as it is written, inside nested values too.
  const value: unknown = JSON.parse(row, (_key, parsed: unknown, context?: { readonly source?: string }) =>
    typeof parsed === 'number' && context?.source !== undefined ? rawJSON(context.source) : parsed,
  );
  if (Array.isArray(value)) return value.map(cellOf);
  if (typeof value !== 'object' || value === null || isRawJSON(value)) return [cellOf(value)];
  const members = new Map(Object.entries(value));
  const cells = columns.map((column) => cellOf(members.get(column) ?? null));
  for (const [name, beyond] of members) {
    if (!columns.includes(name)) cells.push(`${name}=${cellOf(beyond)}`);
  }
  return cells;
}

function cellOf(value: unknown): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  return isRawJSON(value) ? value.rawJSON : JSON.stringify(value);
}
