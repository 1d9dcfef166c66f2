import { isUtf8 } from 'node:buffer';
import { encodingError } from '../csv/read-records.ts';
import type { EncodeInput } from './encode-chunk.ts';
import type { EncodedPieces } from './encoded-pieces.ts';

const LF = 10;
const CR = 13;
const TAB = 9;
const BACKSLASH = 92;
const CAPITAL_N = 78;
const ZERO = 48;

/** A line number's digits (at most 16), the line end, and some. */
const ROW_OVERHEAD_BYTES = 24;

/**
 * The fast lane: rows of a chunk that holds no quote character, in which every line is a record and every
 * delimiter ends a cell. One scan over the bytes, no strings: a row whose every cell is `verbatim` (or an empty
 * cell that means null) is copied as it stands. Any doubt, and the row is decoded and `checkRow` decides.
 */
export class PlainRows {
  readonly #input: EncodeInput;
  readonly #pieces: EncodedPieces;
  readonly #allValid: boolean;
  /** Where each cell of the current row ends. */
  readonly #ends: Int32Array;
  #index = 0;
  #line: number;

  /** @param input a chunk without quotes, in UTF-8 (if not all valid) or of bytes that are ASCII */
  constructor(input: EncodeInput, pieces: EncodedPieces) {
    this.#input = input;
    this.#pieces = pieces;
    this.#allValid = isUtf8(input.bytes);
    this.#ends = new Int32Array(input.width);
    this.#line = input.chunk.firstLine;
  }

  get done(): boolean {
    return this.#index >= this.#input.bytes.length;
  }

  /** Encodes rows until a piece is ready, or there are none left. */
  encodeSome(): void {
    const { bytes, width, dialect } = this.#input;
    const pieces = this.#pieces;
    const ends = this.#ends;
    const length = bytes.length;
    const delimiter = dialect.delimiter.charCodeAt(0);
    const comment = dialect.commentChar?.charCodeAt(0) ?? -1;
    const widest = ROW_OVERHEAD_BYTES + 3 * this.#input.columns.length;
    while (this.#index < length && !pieces.hasReady) {
      const start = this.#index;
      let end = start;
      let cells = 0;
      let byte = LF;
      while (end < length) {
        byte = bytes[end] as number;
        if (byte === delimiter) {
          if (cells < width) ends[cells] = end;
          cells++;
        } else if (byte === LF || byte === CR) {
          break;
        }
        end++;
      }
      if (cells < width) ends[cells] = end;
      cells++;

      const line = this.#line++;
      this.#index = byte === CR && bytes[end + 1] === LF ? end + 2 : end + 1;
      if (bytes[start] === comment) continue;

      const room = widest + end - start;
      if (room > pieces.buffer.length - pieces.length) pieces.flushCopy();
      const sure =
        cells === width &&
        room <= pieces.buffer.length &&
        (this.#allValid || isUtf8(bytes.subarray(start, end))) &&
        this.#copyRow(start, line);
      if (!sure) this.#askRow(start, end, line);
    }
  }

  /** Writes the row to the piece and says true, or writes nothing. There is room for it. */
  #copyRow(start: number, line: number): boolean {
    const { bytes, columns, compiled } = this.#input;
    const { fields } = compiled;
    const ends = this.#ends;
    const out = this.#pieces.buffer;
    let at = writeNumber(out, this.#pieces.length, line);
    // checkRow calls a row blank, and rejects it, when it is null throughout.
    let blank = true;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i]!;
      const column = columns[i]!;
      const from = column > 0 ? ends[column - 1]! + 1 : start;
      const to = column < 0 ? start : ends[column]!;
      out[at++] = TAB;
      if (from >= to && field.emptyIsNull) {
        out[at++] = BACKSLASH;
        out[at++] = CAPITAL_N;
      } else {
        if (column < 0 || !field.verbatim(bytes, from, to)) return false;
        for (let j = from; j < to; j++) out[at++] = bytes[j]!;
        blank = false;
      }
    }
    if (blank) return false;
    out[at++] = LF;
    this.#pieces.length = at;
    this.#pieces.totals.rowsRead++;
    this.#pieces.totals.rowsGood++;
    return true;
  }

  #askRow(start: number, end: number, line: number): void {
    const { bytes, compiled, columns, width, dialect, encoding } = this.#input;
    const raw = bytes.subarray(start, end);
    if (!this.#allValid && !isUtf8(raw)) {
      this.#pieces.addReject({ line, raw, errors: [encodingError(encoding)] });
      return;
    }
    // Without quotes, this is all that csv-parse does with a record.
    const checked = compiled.checkRow(raw.toString('utf8').split(dialect.delimiter), columns, width);
    if (checked.errors === null) this.#pieces.addRow(line, checked.values);
    else this.#pieces.addReject({ line, raw, errors: checked.errors });
  }
}

/** Writes a whole number in decimal; returns the offset after it. */
function writeNumber(out: Buffer, offset: number, value: number): number {
  let digits = 1;
  for (let power = 10; power <= value; power *= 10) digits++;
  const end = offset + digits;
  let rest = value;
  for (let at = end - 1; at >= offset; at--) {
    const tenth = Math.floor(rest / 10);
    out[at] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return end;
}
