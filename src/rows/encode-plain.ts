import { isUtf8 } from 'node:buffer';
import { encodingError } from '../csv/read-records.ts';
import { BINARY_FIELD_BYTES, type BinaryWriter, IN_DOUBT, writeInt64 } from './binary-cell.ts';
import type { EncodeInput } from './encode-input.ts';
import type { CopyFormat, EncodedPieces, OpenPiece } from './encoded-pieces.ts';

const LF = 10;
const CR = 13;
const TAB = 9;
const BACKSLASH = 92;
const CAPITAL_N = 78;
const ZERO = 48;

/** Bit patterns for four bytes in one number. */
const EACH_BYTE = 0x01010101;
const HIGH_BITS = 0x80808080 | 0;

/** Binary writers look for the end of a number or moment by itself: no delimiter may be part of one. */
const IN_NUMBERS = /[0-9TZ:-]/;

/** A line number (as text at most 16 digits, in binary 12 bytes), the line end or the count of fields, and some. */
const ROW_OVERHEAD_BYTES = 24;
/** Of a field beside its bytes, at most: as text a tab and `\N`. */
const FIELD_OVERHEAD_BYTES: Readonly<Record<CopyFormat, number>> = { text: 3, binary: BINARY_FIELD_BYTES };
/** A piece with less room is finished before the next row. Rows that find too little room are copied slowly. */
const MIN_ROOM_BYTES = 16 * 1024;

/**
 * The fast path: rows of a chunk that holds no quote character, in which every line is a record and every
 * delimiter ends a cell. No strings: a row whose every cell is `verbatim` (or an empty cell that means null) is
 * copied as it stands, or where every field has a binary form, written in it: PostgreSQL reads moments and numbers
 * in half the time that their text takes. Any doubt, and the row is decoded, `checkRow` decides, and it is text.
 */
export class PlainRows {
  readonly #input: EncodeInput;
  readonly #pieces: EncodedPieces;
  readonly #format: CopyFormat;
  /** One a field where the format is binary. */
  readonly #writers: readonly BinaryWriter[];
  readonly #out: OpenPiece;
  readonly #allValid: boolean;
  /** Field i is cell i, for all of them. */
  readonly #inOrder: boolean;
  /** Bytes of fields that the file does not have, in each row. */
  readonly #absentBytes: number;
  /** Where each cell of the current row ends. */
  readonly #ends: Int32Array;
  /** The chunk's bytes, to be read four at a time. */
  readonly #view: DataView;
  #index = 0;
  #line: number;

  /** @param input a chunk without quotes, in UTF-8 (if not all valid) or of bytes that are ASCII */
  constructor(input: EncodeInput, pieces: EncodedPieces) {
    const { bytes, chunk, columns, compiled, width, dialect } = input;
    this.#input = input;
    this.#pieces = pieces;
    this.#inOrder = width === compiled.fields.length && columns.every((column, i) => column === i);
    this.#writers = compiled.fields.map((field) => field.writeBinary).filter((writer) => writer !== null);
    const binary = this.#inOrder && this.#writers.length === width && !IN_NUMBERS.test(dialect.delimiter);
    this.#format = binary ? 'binary' : 'text';
    this.#out = pieces.open[this.#format];
    this.#allValid = isUtf8(bytes);
    this.#absentBytes = compiled.fields
      .filter((_, i) => columns[i]! < 0)
      .reduce((sum, { absentText }) => sum + (absentText?.length ?? 0), 0);
    this.#ends = new Int32Array(width);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#line = chunk.firstLine;
  }

  get done(): boolean {
    return this.#index >= this.#input.bytes.length;
  }

  /** Encodes rows until a piece is ready, or there are none left. */
  encodeSome(): void {
    const { bytes, dialect } = this.#input;
    const pieces = this.#pieces;
    const delimiter = dialect.delimiter.charCodeAt(0);
    const comment = dialect.commentChar?.charCodeAt(0);
    while (this.#index < bytes.length && !pieces.hasReady) {
      const start = this.#index;
      let end = IN_DOUBT;
      if (bytes[start] === comment) {
        end = lineEnd(bytes, start);
      } else {
        if (this.#out.room < MIN_ROOM_BYTES) pieces.flushCopy(this.#format);
        end = this.#copyRow(start, delimiter);
        if (end === IN_DOUBT) {
          end = lineEnd(bytes, start);
          this.#askRow(start, end);
        }
      }
      this.#line++;
      this.#index = bytes[end] === CR && bytes[end + 1] === LF ? end + 2 : end + 1;
    }
  }

  /** Copies the row at `start` and returns its end; IN_DOUBT leaves no trace. */
  #copyRow(start: number, delimiter: number): number {
    if (this.#format === 'binary') return this.#writeBinary(start, delimiter);
    return this.#inOrder ? this.#copyInOrder(start, delimiter) : this.#copyMapped(start, delimiter);
  }

  /** Text, copied while looking for the row's end. */
  #copyInOrder(start: number, delimiter: number): number {
    const { bytes, compiled } = this.#input;
    const { fields } = compiled;
    const out = this.#out.buffer;
    const limit = this.#limit(start);
    const source = this.#view;
    const target = this.#out.view;
    const delimiters = delimiter * EACH_BYTE;
    let at = writeNumber(out, this.#out.length, this.#line);
    out[at++] = TAB;
    // checkRow calls a row blank, and rejects it, when it is null throughout.
    let blank = true;
    let from = start;
    let cells = 0;
    for (let i = start; ; i++) {
      // Four bytes at a time while none of them is the delimiter or below 14, where the line ends are.
      for (; i + 4 <= limit; i += 4, at += 4) {
        const word = source.getInt32(i, true);
        const zeroWhereDelimiter = word ^ delimiters;
        const delimits = (zeroWhereDelimiter - EACH_BYTE) & ~zeroWhereDelimiter;
        const low = (word - 14 * EACH_BYTE) & ~word;
        if (((delimits | low) & HIGH_BITS) !== 0) break;
        target.setInt32(at, word, true);
      }
      if (i >= limit) return IN_DOUBT;
      let byte = bytes[i] as number;
      while (byte !== delimiter && byte !== LF && byte !== CR) {
        out[at++] = byte;
        if (++i === limit) return IN_DOUBT;
        byte = bytes[i] as number;
      }
      if (cells === fields.length) return IN_DOUBT;
      const field = fields[cells++]!;
      if (from === i && field.emptyIsNull) {
        out[at++] = BACKSLASH;
        out[at++] = CAPITAL_N;
      } else {
        if (!field.verbatim(bytes, from, i)) return IN_DOUBT;
        blank = false;
      }
      if (byte !== delimiter) {
        return cells === fields.length && !blank && this.#isText(start, i) ? this.#endLine(at, i) : IN_DOUBT;
      }
      out[at++] = TAB;
      from = i + 1;
    }
  }

  /** The same where fields and cells are not one to one. */
  #copyMapped(start: number, delimiter: number): number {
    const { bytes, columns, compiled } = this.#input;
    const { fields } = compiled;
    const end = this.#findCells(start, delimiter);
    if (end === IN_DOUBT || !this.#isText(start, end)) return IN_DOUBT;
    const ends = this.#ends;
    const out = this.#out.buffer;
    let at = writeNumber(out, this.#out.length, this.#line);
    let blank = true;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i]!;
      const column = columns[i]!;
      const from = column > 0 ? ends[column - 1]! + 1 : start;
      const to = column < 0 ? start : (ends[column] as number);
      out[at++] = TAB;
      if (column < 0) {
        const text = field.absentText;
        if (text === null) return IN_DOUBT;
        for (let j = 0; j < text.length; j++) out[at++] = text[j] as number;
      } else if (from >= to && field.emptyIsNull) {
        out[at++] = BACKSLASH;
        out[at++] = CAPITAL_N;
      } else {
        if (!field.verbatim(bytes, from, to)) return IN_DOUBT;
        for (let j = from; j < to; j++) out[at++] = bytes[j] as number;
        blank = false;
      }
    }
    return blank ? IN_DOUBT : this.#endLine(at, end);
  }

  /** A tuple of binary COPY (the count of its fields, the line number, then each field), where cells are in order. */
  #writeBinary(start: number, delimiter: number): number {
    const { bytes, compiled } = this.#input;
    const { fields } = compiled;
    const writers = this.#writers;
    const { buffer, view, length } = this.#out;
    const row = { buffer, view, delimiter, limit: this.#limit(start), cellEnd: start };
    view.setInt16(length, fields.length + 1);
    let at = writeInt64(view, length + 2, this.#line);
    let blank = true;
    let from = start;
    for (let i = 0; i < fields.length; i++) {
      let byte = bytes[from];
      if (fields[i]!.emptyIsNull && (byte === delimiter || byte === LF || byte === CR)) {
        view.setInt32(at, -1);
        at += 4;
      } else {
        at = writers[i]!(bytes, from, row, at);
        if (at === IN_DOUBT || row.cellEnd >= row.limit) return IN_DOUBT;
        from = row.cellEnd;
        byte = bytes[from];
        blank = false;
      }
      const last = i === fields.length - 1;
      if (last ? byte !== LF && byte !== CR : byte !== delimiter) return IN_DOUBT;
      from++;
    }
    return !blank && this.#isText(start, from - 1) ? this.#endRow(at, from - 1) : IN_DOUBT;
  }

  /** Fills `#ends` for a row of the right width; returns the row's end. */
  #findCells(start: number, delimiter: number): number {
    const { bytes, width } = this.#input;
    const ends = this.#ends;
    const limit = this.#limit(start);
    let cells = 0;
    for (let i = start; i < limit; i++) {
      const byte = bytes[i];
      if (byte !== delimiter && byte !== LF && byte !== CR) continue;
      if (cells === width) return IN_DOUBT;
      ends[cells++] = i;
      if (byte !== delimiter) return cells === width ? i : IN_DOUBT;
    }
    return IN_DOUBT;
  }

  /** How far a row from `start` may go and surely fit the piece, even if every cell is null or a large number. */
  #limit(start: number): number {
    const overhead = ROW_OVERHEAD_BYTES + FIELD_OVERHEAD_BYTES[this.#format] * this.#input.columns.length;
    return Math.min(this.#input.bytes.length, start + this.#out.room - overhead - this.#absentBytes);
  }

  #isText(start: number, end: number): boolean {
    return this.#allValid || isUtf8(this.#input.bytes.subarray(start, end));
  }

  #endLine(at: number, end: number): number {
    this.#out.buffer[at] = LF;
    return this.#endRow(at + 1, end);
  }

  #endRow(at: number, end: number): number {
    const { totals } = this.#pieces;
    this.#out.length = at;
    totals.rowsRead++;
    totals.rowsGood++;
    return end;
  }

  #askRow(start: number, end: number): void {
    const { bytes, compiled, columns, width, dialect, encoding } = this.#input;
    const line = this.#line;
    const raw = bytes.subarray(start, end);
    if (!this.#isText(start, end)) {
      this.#pieces.addReject({ line, raw, errors: [encodingError(encoding)] });
      return;
    }
    // Without quotes, this is all that csv-parse does with a record.
    const checked = compiled.checkRow(raw.toString('utf8').split(dialect.delimiter), columns, width);
    if (checked.errors === null) this.#pieces.addRow(line, checked.values);
    else this.#pieces.addReject({ line, raw, errors: checked.errors });
  }
}

function lineEnd(bytes: Buffer, start: number): number {
  let end = start;
  while (end < bytes.length && bytes[end] !== LF && bytes[end] !== CR) end++;
  return end;
}

/** Writes a positive whole number in decimal; returns the offset after it. */
function writeNumber(out: Buffer, offset: number, value: number): number {
  if (value > 0x7fffffff) return offset + out.write(String(value), offset, 'latin1');
  let digits = 1;
  for (let power = 10; power <= value; power *= 10) digits++;
  const end = offset + digits;
  let rest = value | 0;
  for (let at = end - 1; at >= offset; at--) {
    const tenth = (rest / 10) | 0;
    out[at] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return end;
}
