import { BlankTail, blankRuleOf } from '../csv/blank-tail.ts';
import { type CsvRecord, readRecordsInSteps } from '../csv/read-records.ts';
import { columnNames, columnsWithoutHeader, headerNames, matchHeader } from '../dictionary/match-header.ts';
import { absentFields, partialTable } from '../dictionary/partial-table.ts';
import { readTableAs } from '../dictionary/read-as.ts';
import { LongshoreError } from '../errors.ts';
import type { Steps } from '../in-slices.ts';
import { compileTable } from '../rows/compile-table.ts';
import type { CompiledTable } from '../rows/contract.ts';
import type { ReadAs, Table } from '../types.ts';
import { type BatchMode, type BatchReject, MAX_BATCH_ROWS } from './batch.ts';
import { BatchBounds, countCells, refuseJsonLength } from './batch-bounds.ts';
import type { GoodRow, ReadRows } from './checked-batch.ts';
import { refuseCount, tooManyRows } from './count-rows.ts';

/** The whole body is one chunk, and text already: the encoding of the table's files does not matter. */
const WHOLE = { firstLine: 1, oversize: false };
const ENCODING = 'utf-8';

/**
 * Reads CSV in the table's dialect or the one that is asked for, with a header where that has one; each row gives the same as in a load, and
 * blank lines at the end are none.
 * @throws LongshoreError `batch-empty batch-too-large header-mismatch`
 */
export function* readCsvRows(
  body: string,
  compiled: CompiledTable,
  mode: BatchMode,
  readAs: ReadAs | null = null,
): Steps<ReadRows> {
  const table = readTableAs(compiled.table, readAs);
  const text = Buffer.from(body);
  refuseJsonLength(text);
  yield;
  const names = table.dialect.header ? yield* headerOf(text, table) : [];
  const bytes = text.subarray(0, blankFrom(text, table, names));
  const admit = admission(bytes, table);
  const records = readRecordsInSteps(bytes, WHOLE, table.dialect, ENCODING, { admit });
  if (table.dialect.header) yield* first(records);
  const { columns, width } = table.dialect.header
    ? columnsOf(table, names, mode)
    : columnsWithoutHeader(table);
  const absent = mode === 'merge' ? absentFields(table, { columns }) : [];
  const rules = absent.length > 0 ? compileTable(partialTable(table, absent)) : compiled;
  const left = new Set(absent);
  const given =
    left.size > 0 ? table.fields.map(({ name }) => (left.has(name) ? '0' : '1')).join('') : undefined;
  const inOrder = width === columns.length && columns.every((column, index) => column === index);
  const good: GoodRow[] = [];
  const rejects: BatchReject[] = [];
  const rows: (readonly string[])[] = [];
  for (const record of records) {
    if (record === null) {
      yield;
      continue;
    }
    const { cells, error } = record;
    const index = rows.push(cells) - 1;
    const { values, errors } =
      error === null ? rules.checkRow(cells, columns, width) : { values: null, errors: [error] };
    yield;
    if (values) good.push(given === undefined ? { index, values } : { index, values, given });
    else rejects.push({ index, row: JSON.stringify(cells), errors: errors ?? [] });
  }
  refuseCount(rows.length);
  const header = inOrder ? null : table.dialect.header ? headerNames(table, names ?? []) : columnNames(table);
  return { header, sent: rows.length, good, rejects, rowText: (index) => JSON.stringify(rows[index] ?? []) };
}

function* first(records: Iterator<CsvRecord | null, void>): Steps<CsvRecord | null> {
  let step = records.next();
  for (; !step.done && step.value === null; step = records.next()) yield;
  return step.value ?? null;
}

function* headerOf(bytes: Buffer, table: Table): Steps<readonly string[] | undefined> {
  const bounds = new BatchBounds(table);
  let isHeader = true;
  const admit = (start: number, end: number) => {
    if (isHeader) bounds.addCells(countCells(bytes.subarray(start, end), table.dialect));
    isHeader = false;
  };
  const header = yield* first(readRecordsInSteps(bytes, WHOLE, table.dialect, ENCODING, { admit }));
  return header?.cells;
}

function blankFrom(bytes: Buffer, table: Table, header: readonly string[] = []): number {
  const tail = new BlankTail(table.dialect, blankRuleOf(table));
  if (table.dialect.header) tail.setColumns(header.length);
  tail.push(bytes);
  return tail.end() ?? bytes.length;
}

/** Refuses what is too much before it is parsed. */
function admission(bytes: Buffer, table: Table): (start: number, end: number) => void {
  const bounds = new BatchBounds(table);
  let left = MAX_BATCH_ROWS + (table.dialect.header ? 1 : 0);
  return (start, end) => {
    if (left-- === 0) throw tooManyRows();
    bounds.addCells(countCells(bytes.subarray(start, end), table.dialect));
  };
}

function columnsOf(table: Table, header: readonly string[] | undefined, mode: BatchMode) {
  if (header === undefined) refuseCount(0);
  const names = header ?? [];
  if (names.some((name) => name.includes('\0'))) {
    throw new LongshoreError('header-mismatch', 'the header holds a NUL character');
  }
  return matchHeader(table, names, mode);
}
