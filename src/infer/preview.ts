import { readRecords } from '../csv/read-records.ts';
import type { CompiledTable } from '../rows/contract.ts';
import type { Preview } from './contract.ts';

const MOST_ROWS = 10;
/** Of the sample, to be read for it. */
const MOST_BYTES = 256 * 1024;

/** The first rows as a load would cast them. */
export function previewOf(
  sample: Buffer,
  { table, checkRow }: CompiledTable,
  columns: readonly number[],
  width: number,
): Preview {
  const rows: (readonly (string | null)[])[] = [];
  let awaitsHeader = table.dialect.header;
  const bytes = sample.subarray(0, MOST_BYTES);
  for (const record of readRecords(bytes, { firstLine: 1, oversize: false }, table.dialect, table.encoding)) {
    if (awaitsHeader) {
      awaitsHeader = false;
      continue;
    }
    if (record.error !== null || (record.end === bytes.length && bytes.length < sample.length)) continue;
    const checked = checkRow(record.cells, columns, width);
    if (checked.errors === null) rows.push(checked.values);
    if (rows.length === MOST_ROWS) break;
  }
  return { rows };
}
