import { readRecords } from '../csv/read-records.ts';
import { columnsOfFile } from '../dictionary/columns-of-file.ts';
import { absentFields, partialTable } from '../dictionary/partial-table.ts';
import { LongshoreError } from '../errors.ts';
import type { Steps } from '../in-slices.ts';
import { compileTable } from '../rows/compile-table.ts';
import type { CompiledTable } from '../rows/contract.ts';
import type { LoadMode, Table } from '../types.ts';

/** The first records tell. */
const MOST_RECORDS = 100;
/** Of what is checked between two steps. */
const RECORDS_A_STEP = 20;
const WHOLE = { firstLine: 1, oversize: false };

/** What a table's rules make of the beginning of a file that is read in one way. */
export interface Fit {
  readonly rows: number;
  /** Of them, those with as many cells as they should have, and the good ones. */
  readonly sound: number;
  readonly good: number;
  /** Rows that are no text in the encoding. */
  readonly broken: number;
  /** Rows with a quote that is never closed. */
  readonly unclosed: number;
  readonly firstGood: boolean;
  /** The first row has a value for a field that takes no other text: no heading would be one. */
  readonly firstTyped: boolean;
}

export interface FileStart {
  /** Without a byte-order mark, to the end of a record. */
  readonly bytes: Buffer;
  readonly mode: LoadMode;
}

/**
 * Reads the beginning of a file as `table` has it, and checks its rows. References and keys are not looked at.
 * @param compiled the rules, which are the same for every reading
 * @returns null: its header is not the table's
 */
export function* fitOf({ bytes, mode }: FileStart, table: Table, compiled: CompiledTable): Steps<Fit | null> {
  const records = readRecords(bytes, WHOLE, table.dialect, table.encoding);
  let header: readonly string[] | null = null;
  if (table.dialect.header) {
    const { value } = records.next();
    if (!value) return null;
    header = value.cells;
  }
  const map = columnsIn(table, header, mode);
  if (map === null) return null;
  const absent = mode === 'merge' ? absentFields(table, map) : [];
  const rules = absent.length === 0 ? compiled : compileTable(partialTable(table, absent));
  let [rows, sound, good, broken, unclosed] = [0, 0, 0, 0, 0];
  let [firstGood, firstTyped] = [false, false];
  for (const { cells, error } of records) {
    // Blank lines say nothing of how the others are written.
    if (cells.every((cell) => cell.trim() === '')) continue;
    if (rows === MOST_RECORDS) break;
    if (rows % RECORDS_A_STEP === 0) yield;
    rows++;
    if (cells.length === map.width) sound++;
    if (error?.code === 'encoding-error') broken++;
    if (error?.code === 'quote-error') unclosed++;
    const values = error === null ? rules.checkRow(cells, map.columns, map.width).values : null;
    if (values === null) continue;
    good++;
    if (rows > 1) continue;
    firstGood = true;
    firstTyped = table.fields.some(
      ({ type, constraints }, at) =>
        values[at] !== null && map.columns[at] !== -1 && (!isText(type) || constraints.enum !== undefined),
    );
  }
  return { rows, sound, good, broken, unclosed, firstGood, firstTyped };
}

function isText(type: Table['fields'][number]['type']): boolean {
  return type === 'string' || type === 'any';
}

function columnsIn(table: Table, header: readonly string[] | null, mode: LoadMode) {
  try {
    return columnsOfFile({ table, header, mode });
  } catch (error) {
    if (error instanceof LongshoreError) return null;
    throw error;
  }
}
