import { LongshoreError } from '../errors.ts';
import type { Steps } from '../in-slices.ts';
import type { CompiledTable } from '../rows/contract.ts';
import { type BatchMode, type BatchReject, MAX_BATCH_ROWS } from './batch.ts';
import { BatchBounds } from './batch-bounds.ts';
import { rowChecker } from './check-json-row.ts';
import type { GoodRow, ReadRows } from './checked-batch.ts';
import { refuseCount, tooManyRows } from './count-rows.ts';
import { parseJson } from './parse-json.ts';

/** Space, tab and CR, of RFC 8259's white space. */
const BLANKS = new Set([0x20, 0x09, 0x0d]);

/**
 * A JSON array of objects, or an object whose only member is `rows`, such an array.
 * @throws LongshoreError `malformed-body batch-empty batch-too-large`
 */
export function* readJsonRows(body: string, compiled: CompiledTable, mode: BatchMode): Steps<ReadRows> {
  new BatchBounds(compiled.table).addJson(body, true);
  yield;
  return yield* checkEntries(entriesOf(yield* parseJson(body)), compiled, mode);
}

/**
 * Newline-delimited JSON: an object a line; blank lines do not count.
 * @throws LongshoreError `malformed-body batch-empty batch-too-large`
 */
export function* readNdjsonRows(body: string, compiled: CompiledTable, mode: BatchMode): Steps<ReadRows> {
  const bounds = new BatchBounds(compiled.table);
  const entries: unknown[] = [];
  let line = 0;
  for (let start = 0; start <= body.length; line++) {
    const lineEnd = body.indexOf('\n', start);
    const end = lineEnd < 0 ? body.length : lineEnd;
    if (!isBlank(body, start, end)) {
      if (entries.length === MAX_BATCH_ROWS) throw tooManyRows();
      const text = body.slice(start, end);
      bounds.addJson(text, false);
      yield;
      entries.push(yield* parseJson(text, line + 1));
    }
    start = end + 1;
  }
  return yield* checkEntries(entries, compiled, mode);
}

/** Whether `start` to `end` is only white space of JSON. A loop: a body may be nothing but empty lines. */
function isBlank(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (!BLANKS.has(text.charCodeAt(at))) return false;
  return true;
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

function* checkEntries(
  entries: readonly unknown[],
  compiled: CompiledTable,
  mode: BatchMode,
): Steps<ReadRows> {
  refuseCount(entries.length);
  const good: GoodRow[] = [];
  const rejects: BatchReject[] = [];
  const rowText = (index: number) => JSON.stringify(entries[index]);
  const check = rowChecker(compiled, mode);
  for (const [index, entry] of entries.entries()) {
    const { values, errors, given } = check(entry);
    yield;
    if (values) good.push(given === undefined ? { index, values } : { index, values, given });
    else rejects.push({ index, row: rowText(index), errors });
  }
  return { header: null, sent: entries.length, good, rejects, rowText };
}
