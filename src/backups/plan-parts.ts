/** PostgreSQL's block, unless it was built otherwise; ranges only need it to tell pages from bytes. */
const PAGE_BYTES = 8192;
/** Small enough that a few workers finish at nearly the same time, large enough that starting parts costs nothing. */
const PART_BYTES = 32 * 1024 * 1024;
/** Each part costs some events of a workflow's history, which has 51,200 at most. */
const MAX_PARTS = 4_000;

/** Pages [fromPage, toPage) of a table's heap; null: to the end, even if it has grown. */
export interface PlannedPart {
  readonly table: string;
  /** From 0, within the table. */
  readonly no: number;
  readonly fromPage: number;
  readonly toPage: number | null;
}

/** Cuts tables, of these bytes of heap, into parts that together hold every page once. Pure. */
export function planParts(
  tables: readonly { readonly table: string; readonly bytes: number }[],
  {
    partBytes = PART_BYTES,
    maxParts = MAX_PARTS,
  }: { readonly partBytes?: number; readonly maxParts?: number } = {},
): readonly PlannedPart[] {
  const total = tables.reduce((sum, { bytes }) => sum + bytes, 0);
  const pages = Math.max(1, Math.ceil(Math.max(partBytes, total / maxParts) / PAGE_BYTES));
  return tables.flatMap(({ table, bytes }) => {
    const count = Math.max(1, Math.ceil(Math.ceil(bytes / PAGE_BYTES) / pages));
    return Array.from({ length: count }, (_, no) => ({
      table,
      no,
      fromPage: no * pages,
      toPage: no + 1 < count ? (no + 1) * pages : null,
    }));
  });
}
