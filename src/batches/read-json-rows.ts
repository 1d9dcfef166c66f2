import { LongshoreError } from '../errors.ts';
import type { CompiledTable } from '../rows/contract.ts';
import type { BatchReject } from './batch.ts';
import { rowChecker } from './check-json-row.ts';
import { refuseCount } from './count-rows.ts';
import { jsonText, parseJson } from './parse-json.ts';
import type { GoodRow, ReadRows } from './read-batch.ts';

/**
 * A JSON array of objects, or an object whose only member is `rows`, such an array.
 * @throws LongshoreError `malformed-body batch-empty batch-too-large`
 */
export function readJsonRows(body: string, compiled: CompiledTable): ReadRows {
  return checkEntries(entriesOf(parseJson(body)), compiled);
}

/**
 * Newline-delimited JSON: an object a line; blank lines do not count.
 * @throws LongshoreError `malformed-body batch-empty batch-too-large`
 */
export function readNdjsonRows(body: string, compiled: CompiledTable): ReadRows {
  const entries: unknown[] = [];
  let line = 0;
  for (const text of body.split('\n')) {
    line += 1;
    if (!isBlank(text)) entries.push(parseJson(text, line));
  }
  return checkEntries(entries, compiled);
}

/** White space of JSON. */
function isBlank(text: string): boolean {
  return /^[ \t\r]*$/.test(text);
}

function entriesOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  const members = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const [only] = members;
  if (members.length === 1 && only?.[0] === 'rows' && Array.isArray(only[1])) return only[1];
  throw new LongshoreError(
    'malformed-body',
    'expected an array of rows, or an object whose only member "rows" is one: line 1, column 1',
  );
}

function checkEntries(entries: readonly unknown[], compiled: CompiledTable): ReadRows {
  refuseCount(entries.length);
  const good: GoodRow[] = [];
  const rejects: BatchReject[] = [];
  const rowText = (index: number) => jsonText(entries[index]);
  const check = rowChecker(compiled);
  for (const [index, entry] of entries.entries()) {
    const { values, errors } = check(entry);
    if (values) good.push({ index, values });
    else rejects.push({ index, row: rowText(index), errors });
  }
  return { header: null, sent: entries.length, good, rejects, rowText };
}
