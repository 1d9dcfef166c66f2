import { isUtf8 } from 'node:buffer';
import type { ColumnType } from '../rows/column-type.ts';
import { EPOCH_DAYS, EPOCH_HIGH, EPOCH_LOW } from './encode-cell.ts';
import { numericBytesAtMost, writeNumericBinary } from './numeric.ts';
import { readInt, readLong, type VarintSource } from './varint.ts';

/** A row on its way from a block into a tuple of binary COPY. */
export interface DecodingRow extends VarintSource {
  /** The tuple; there is room for `PLAIN_FIELD_BYTES` for each field that is left. */
  readonly target: Buffer;
  /** Of `target`. */
  readonly targetView: DataView;
  /** Makes room for so many bytes at `at` beside that; `target` may be another one then. */
  reserve(at: number, bytes: number): void;
  /** Throws: the value that begins before `at` is none of its type. */
  failValue(what: string): never;
}

/**
 * Reads the Avro value at `at` of the row and writes it, its length before it, at `to` of the target as PostgreSQL's
 * receive function of the type wants it.
 * @returns the offset after it
 */
export type ReadCell = (row: DecodingRow, to: number) => number;

/** A length and 64 bits. */
export const PLAIN_FIELD_BYTES = 12;

/** What PostgreSQL takes, counted from 2000-01-01: from 4714-11-24 BC on; the last days are before 5874898. */
const FIRST_DAY = -2_451_545;
const DAYS_END = 2_145_031_949;
const FIRST_MICROS = FIRST_DAY * 86_400_000_000;
const MICROS_PER_DAY = 86_400_000_000;

const LOOP_BYTES = 48;

function writeLong(view: DataView, to: number, high: number, low: number): number {
  view.setInt32(to, 8);
  view.setInt32(to + 4, high);
  view.setInt32(to + 8, low);
  return to + 12;
}

function writeInt(view: DataView, to: number, value: number): number {
  view.setInt32(to, 4);
  view.setInt32(to + 4, value);
  return to + 8;
}

const readBigint: ReadCell = (row, to) => {
  readLong(row);
  return writeLong(row.targetView, to, row.high, row.low);
};

const readInteger: ReadCell = (row, to) => writeInt(row.targetView, to, readInt(row));

const readDate: ReadCell = (row, to) => {
  const days = readInt(row) - EPOCH_DAYS;
  if (days < FIRST_DAY || days >= DAYS_END) row.failValue('a date out of range');
  return writeInt(row.targetView, to, days);
};

const readTimestamp: ReadCell = (row, to) => {
  readLong(row);
  const low = (row.low >>> 0) - EPOCH_LOW;
  const high = row.high - EPOCH_HIGH - (low < 0 ? 1 : 0);
  // A double is exact enough to tell what is out of range from what PostgreSQL could have sent.
  if (high * 2 ** 32 + (low | 0) < FIRST_MICROS) row.failValue('a timestamp out of range');
  return writeLong(row.targetView, to, high, low | 0);
};

const readTime: ReadCell = (row, to) => {
  readLong(row);
  const micros = row.high * 2 ** 32 + (row.low >>> 0);
  if (micros < 0 || micros > MICROS_PER_DAY) row.failValue('a time out of range');
  return writeLong(row.targetView, to, row.high, row.low);
};

const readBoolean: ReadCell = (row, to) => {
  const value = row.at < row.end ? row.bytes[row.at]! : row.fail('cut');
  if (value > 1) row.failValue('a boolean that is neither true nor false');
  row.at++;
  row.targetView.setInt32(to, 1);
  row.target[to + 4] = value;
  return to + 5;
};

/** Sets `low` to the length of the text that begins at `at`. */
function readTextLength(row: DecodingRow): number {
  readLong(row);
  const { high, low } = row;
  if (high !== 0 || low < 0 || low > row.end - row.at) row.failValue('a text that is longer than its block');
  return low;
}

const readText: ReadCell = (row, to) => {
  const length = readTextLength(row);
  row.reserve(to, length + 4);
  const { bytes, target, at } = row;
  row.targetView.setInt32(to, length);
  const start = to + 4;
  const end = at + length;
  row.at = end;
  if (length > LOOP_BYTES) {
    target.set(bytes.subarray(at, end), start);
    checkText(row, at, end);
    return start + length;
  }
  let plain = true;
  for (let from = at, put = start; from < end; from++) {
    const byte = bytes[from]!;
    if (byte > 0x7f || byte === 0) plain = false;
    target[put++] = byte;
  }
  if (!plain) checkText(row, at, end);
  return start + length;
};

/** PostgreSQL's text has no NUL. */
function checkText(row: DecodingRow, start: number, end: number): void {
  const text = row.bytes.subarray(start, end);
  if (!isUtf8(text)) row.failValue('a text that is not UTF-8');
  if (text.includes(0)) row.failValue('a text that holds NUL');
}

const readNumeric: ReadCell = (row, to) => {
  const length = readTextLength(row);
  row.reserve(to, numericBytesAtMost(length) + 4);
  const start = row.at;
  const end = writeNumericBinary(row.bytes, start, start + length, row.targetView, to + 4);
  if (end < 0) row.failValue('a numeric that PostgreSQL does not print so');
  row.at = start + length;
  row.targetView.setInt32(to, end - to - 4);
  return end;
};

/** Reads a field of the column's type. A switch, as in `writeCell`. */
export function readCell(type: ColumnType, row: DecodingRow, to: number): number {
  switch (type) {
    case 'bigint':
      return readBigint(row, to);
    case 'text':
      return readText(row, to);
    case 'timestamptz':
      return readTimestamp(row, to);
    case 'integer':
      return readInteger(row, to);
    case 'boolean':
      return readBoolean(row, to);
    case 'date':
      return readDate(row, to);
    case 'time':
      return readTime(row, to);
    case 'numeric':
      return readNumeric(row, to);
  }
}
