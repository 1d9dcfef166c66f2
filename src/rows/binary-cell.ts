import type { Field } from '../types.ts';
import { type ColumnType, columnType } from './column-type.ts';
import { datetimeShape, type Verbatim } from './verbatim.ts';

const LF = 10;
const CR = 13;

/** A tuple of binary COPY that is being written, and the row it is read from. */
export interface BinaryRow {
  readonly buffer: Uint8Array;
  /** Of `buffer`. */
  readonly view: DataView;
  readonly delimiter: number;
  /** No cell that ends here or later is written: there may be no room. */
  readonly limit: number;
  /** Where the cell that was written last ends. */
  cellEnd: number;
}

/**
 * Writes the cell at `start` as a field of binary COPY: its length (int32), then what the receive function of the
 * column's type reads, integers big-endian throughout. Sets `cellEnd`; whether what stands there ends a cell is for
 * the caller to see.
 * @returns the offset after the field, or `IN_DOUBT` for a cell that `check` must see
 */
export type BinaryWriter = (bytes: Uint8Array, start: number, row: BinaryRow, at: number) => number;

/** Writes what `verbatim` accepted. */
type Write = (bytes: Uint8Array, start: number, end: number, row: BinaryRow, at: number) => number;

export const IN_DOUBT = -1;

/** The most bytes of a field beside its text: a length and 64 bits. */
export const BINARY_FIELD_BYTES = 12;

const SECONDS_PER_DAY = 86_400;
/** From 0000-03-01, where the calendar's 400 years begin below, to PostgreSQL's 2000-01-01. */
const EPOCH_DAYS = 730_425;
/** Any number of so many digits is exact in a double, and of so many in 64 bits. */
const DOUBLE_DIGITS = 15;
const BIGINT_DIGITS = 18;

const ZERO = 48;
const MINUS = 45;
const LOWER_CASE = 0x20;
const DIGIT_ONE = 49;
const LETTER = { n: 110, o: 111, t: 116, y: 121 };

/**
 * null where the column's type has no binary form here: such a table is copied as text.
 * @param verbatim the field's: what it accepts may be written
 * @param free the field has no rule but its type's, and no missing value but the empty cell
 */
export function binaryWriterOf(field: Field, verbatim: Verbatim, free: boolean): BinaryWriter | null {
  const type = columnType(field);
  // The commonest cells are found, checked and written in one go: going over each byte again would cost what
  // PostgreSQL saves.
  if (free && type === 'text') return textWriter(field);
  if (free && type === 'bigint') return writePlainBigint;
  if (free && type === 'timestamptz') return writePlainTimestamp;
  const write = WRITES[type];
  return write && guarded(verbatim, write);
}

function guarded(verbatim: Verbatim, write: Write): BinaryWriter {
  return (bytes, start, row, at) => {
    let end = start;
    for (; end < row.limit; end++) {
      const byte = bytes[end];
      if (byte === row.delimiter || byte === LF || byte === CR) break;
    }
    row.cellEnd = end;
    return verbatim(bytes, start, end) ? write(bytes, start, end, row, at) : IN_DOUBT;
  };
}

/** No control characters (NUL is no text), or the cell ends there. */
function textWriter(field: Field): BinaryWriter {
  const emptyIsMissing = field.missingValues.includes('');
  return (bytes, start, row, at) => {
    const { buffer, delimiter, limit } = row;
    let to = at + 4;
    let end = start;
    for (; end < limit; end++) {
      const byte = bytes[end]!;
      if (byte === delimiter || byte <= CR) break;
      buffer[to++] = byte;
    }
    if (end === start && emptyIsMissing) return IN_DOUBT;
    row.cellEnd = end;
    row.view.setInt32(at, end - start);
    return to;
  };
}

const writePlainBigint: BinaryWriter = (bytes, start, row, at) => {
  const first = bytes[start] === MINUS ? start + 1 : start;
  let end = first;
  let value = 0;
  for (; end < row.limit; end++) {
    const digit = bytes[end]! - ZERO;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  if (end === first || end - first > BIGINT_DIGITS) return IN_DOUBT;
  row.cellEnd = end;
  if (end - first > DOUBLE_DIGITS) return writeBigint(bytes, start, end, row, at);
  return writeInt64(row.view, at, first === start ? value : -value);
};

const writePlainTimestamp: BinaryWriter = (bytes, start, row, at) => {
  const end = start + 20;
  if (end >= row.limit || !datetimeShape(bytes, start, end)) return IN_DOUBT;
  row.cellEnd = end;
  return writeTimestamp(bytes, start, end, row, at);
};

const writeText: Write = (bytes, start, end, { buffer, view }, at) => {
  view.setInt32(at, end - start);
  let to = at + 4;
  for (let from = start; from < end; from++) buffer[to++] = bytes[from]!;
  return to;
};

const writeBigint: Write = (bytes, start, end, { view }, at) => {
  if (end - start <= DOUBLE_DIGITS) return writeInt64(view, at, wholeNumber(bytes, start, end));
  view.setInt32(at, 8);
  view.setBigInt64(at + 4, BigInt(String.fromCharCode(...bytes.subarray(start, end))));
  return at + 12;
};

/** The field's bounds are within 32 bits. */
const writeInteger: Write = (bytes, start, end, { view }, at) => {
  view.setInt32(at, 4);
  view.setInt32(at + 4, wholeNumber(bytes, start, end));
  return at + 8;
};

function wholeNumber(bytes: Uint8Array, start: number, end: number): number {
  const negative = bytes[start] === MINUS;
  let value = 0;
  for (let at = negative ? start + 1 : start; at < end; at++) value = value * 10 + bytes[at]! - ZERO;
  return negative ? -value : value;
}

/** One of PostgreSQL's own words, in any case: true, t, yes, y, on, 1, or false, f, no, n, off, 0. */
const writeBoolean: Write = (bytes, start, _end, { buffer, view }, at) => {
  const first = bytes[start]! | LOWER_CASE;
  const isOn = first === LETTER.o && (bytes[start + 1]! | LOWER_CASE) === LETTER.n;
  view.setInt32(at, 1);
  buffer[at + 4] = isOn || first === LETTER.t || first === LETTER.y || first === DIGIT_ONE ? 1 : 0;
  return at + 5;
};

/** Days since 2000-01-01. */
const writeDate: Write = (bytes, start, _end, { view }, at) => {
  view.setInt32(at, 4);
  view.setInt32(at + 4, daysAt(bytes, start));
  return at + 8;
};

/** Microseconds since 2000-01-01 00:00 UTC. */
const writeTimestamp: Write = (bytes, start, _end, { view }, at) =>
  writeMicros(view, at, daysAt(bytes, start) * SECONDS_PER_DAY + secondsAt(bytes, start + 11));

/** Microseconds since midnight. */
const writeTime: Write = (bytes, start, _end, { view }, at) => writeMicros(view, at, secondsAt(bytes, start));

const WRITES: Readonly<Record<ColumnType, Write | null>> = {
  text: writeText,
  bigint: writeBigint,
  integer: writeInteger,
  boolean: writeBoolean,
  date: writeDate,
  timestamptz: writeTimestamp,
  time: writeTime,
  numeric: null,
};

/** Microseconds of year 9999 do not fit a double's 53 bits, but are a multiple of 64, and so much less does. */
function writeMicros(view: DataView, at: number, seconds: number): number {
  const times64 = seconds * (1_000_000 / 64);
  const high = Math.floor(times64 / 2 ** 26);
  view.setInt32(at, 8);
  view.setInt32(at + 4, high);
  view.setInt32(at + 8, (times64 - high * 2 ** 26) * 64);
  return at + 12;
}

/** A whole number that is exact in a double. */
export function writeInt64(view: DataView, at: number, value: number): number {
  const low = value | 0;
  view.setInt32(at, 8);
  view.setInt32(at + 4, low === value ? low >> 31 : Math.floor(value / 2 ** 32));
  view.setInt32(at + 8, low);
  return at + 12;
}

/** Of `YYYY-MM-DD`, by a year that begins in March, so that a leap day is its last. */
function daysAt(bytes: Uint8Array, at: number): number {
  const month = twoDigits(bytes, at + 5);
  const year = twoDigits(bytes, at) * 100 + twoDigits(bytes, at + 2) - (month <= 2 ? 1 : 0);
  const dayOfYear = ((153 * ((month + 9) % 12) + 2) / 5) | 0;
  const leapDays = ((year / 4) | 0) - ((year / 100) | 0) + ((year / 400) | 0);
  return year * 365 + leapDays + dayOfYear + twoDigits(bytes, at + 8) - 1 - EPOCH_DAYS;
}

/** Of `hh:mm:ss`. */
function secondsAt(bytes: Uint8Array, at: number): number {
  return twoDigits(bytes, at) * 3600 + twoDigits(bytes, at + 3) * 60 + twoDigits(bytes, at + 6);
}

function twoDigits(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 10 + bytes[at + 1]! - 48 * 11;
}
