import { escapeOf } from '../csv/dialect-options.ts';
import { parseRecord } from '../csv/parse-record.ts';
import type { Dialect } from '../types.ts';

const SPACE = 32;
const TAB = 9;
const NONE = -1;
/** Cells of a record of which the places are kept: a table has fewer columns. */
export const MOST_CELLS = 2_000;

/**
 * Takes records apart into their cells, as csv-parse does, without making strings of them. The cells of the last
 * record are bytes [starts[i], ends[i]) of `bytes`, without their quotes.
 */
export class RecordSplitter {
  readonly starts = new Int32Array(MOST_CELLS);
  readonly ends = new Int32Array(MOST_CELLS);
  bytes: Uint8Array = Buffer.alloc(0);
  /** Records in which a quoted cell goes on behind its closing quote. */
  irregular = 0;
  /** Records with a quoted cell that holds an escaped quote. */
  escaped = 0;

  readonly #dialect: Dialect;
  readonly #delimiter: number;
  readonly #quote: number;
  readonly #escape: number;
  readonly #skipsSpace: boolean;
  #scratch = Buffer.alloc(64 * 1024);

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
    this.#delimiter = dialect.delimiter.charCodeAt(0);
    this.#quote = dialect.quoteChar?.charCodeAt(0) ?? NONE;
    this.#escape = escapeOf(dialect)?.charCodeAt(0) ?? NONE;
    this.#skipsSpace = dialect.skipInitialSpace;
  }

  /** @returns how many cells the record has; the places of the first `MOST_CELLS` are kept */
  split(bytes: Uint8Array, start: number, end: number, quoted: boolean): number {
    this.bytes = bytes;
    if (!quoted) return this.#plain(bytes, start, end);
    const cells = this.#quoted(bytes, start, end);
    if (cells !== NONE) return cells;
    const escaped = this.#escaped(bytes, start, end);
    if (escaped === NONE) {
      this.irregular++;
      return this.#slowly(bytes, start, end);
    }
    this.escaped++;
    return escaped;
  }

  #plain(bytes: Uint8Array, start: number, end: number): number {
    const delimiter = this.#delimiter;
    const { starts, ends } = this;
    let cells = 0;
    let from = this.#skipsSpace ? this.#skip(bytes, start, end) : start;
    for (let at = from; at < end; at++) {
      if (bytes[at] !== delimiter) continue;
      if (cells < MOST_CELLS) {
        starts[cells] = from;
        ends[cells] = at;
      }
      cells++;
      from = at + 1;
      if (this.#skipsSpace) {
        from = this.#skip(bytes, from, end);
        at = from - 1;
      }
    }
    if (cells < MOST_CELLS) {
      starts[cells] = from;
      ends[cells] = end;
    }
    return cells + 1;
  }

  #skip(bytes: Uint8Array, from: number, end: number): number {
    const delimiter = this.#delimiter;
    let at = from;
    while (at < end && (bytes[at] === SPACE || bytes[at] === TAB) && bytes[at] !== delimiter) at++;
    return at;
  }

  /** @returns -1 where it is not that simple: something is escaped, or a cell goes on behind its closing quote */
  #quoted(bytes: Uint8Array, start: number, end: number): number {
    const delimiter = this.#delimiter;
    const quote = this.#quote;
    const escaper = this.#escape;
    const { starts, ends } = this;
    let cells = 0;
    let at = start;
    for (;;) {
      if (this.#skipsSpace) at = this.#skip(bytes, at, end);
      let from = at;
      let to: number;
      if (at < end && bytes[at] === quote) {
        from = ++at;
        while (at < end && bytes[at] !== quote && bytes[at] !== escaper) at++;
        if (at === end || bytes[at] !== quote) return NONE;
        to = at++;
        if (at < end && bytes[at] !== delimiter) return NONE;
      } else {
        while (at < end && bytes[at] !== delimiter) at++;
        to = at;
      }
      if (cells < MOST_CELLS) {
        starts[cells] = from;
        ends[cells] = to;
      }
      cells++;
      if (at >= end) return cells;
      at++;
    }
  }

  /** As `#quoted`, with the cells copied, since what is escaped loses its escapes. */
  #escaped(bytes: Uint8Array, start: number, end: number): number {
    const delimiter = this.#delimiter;
    const quote = this.#quote;
    const escaper = this.#escape;
    const { starts, ends } = this;
    // Without escapes it is never longer.
    const scratch = this.#scratchOf(end - start);
    let [cells, at, length] = [0, start, 0];
    for (;;) {
      if (this.#skipsSpace) at = this.#skip(bytes, at, end);
      const from = length;
      if (at < end && bytes[at] === quote) {
        at++;
        for (;;) {
          if (at >= end) return NONE;
          const byte = bytes[at++]!;
          if (byte === escaper && at < end && (escaper !== quote || bytes[at] === quote)) {
            scratch[length++] = bytes[at++]!;
          } else if (byte === quote) break;
          else scratch[length++] = byte;
        }
        if (at < end && bytes[at] !== delimiter) return NONE;
      } else while (at < end && bytes[at] !== delimiter) scratch[length++] = bytes[at++]!;
      if (cells < MOST_CELLS) {
        starts[cells] = from;
        ends[cells] = length;
      }
      cells++;
      if (at >= end) {
        this.bytes = scratch;
        return cells;
      }
      at++;
    }
  }

  /** With csv-parse, which defines what the cells are. */
  #slowly(bytes: Uint8Array, start: number, end: number): number {
    const raw = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    const cells = parseRecord(raw, this.#dialect, 'utf-8');
    const scratch = this.#scratchOf(cells.reduce((sum, cell) => sum + 3 * cell.length, 0));
    let length = 0;
    for (const [index, cell] of cells.slice(0, MOST_CELLS).entries()) {
      this.starts[index] = length;
      length += scratch.write(cell, length);
      this.ends[index] = length;
    }
    this.bytes = scratch;
    return cells.length;
  }

  #scratchOf(bytes: number): Buffer {
    if (bytes > this.#scratch.length) this.#scratch = Buffer.alloc(2 * bytes);
    return this.#scratch;
  }
}
