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
    return cells === NONE ? this.#slowly(bytes, start, end) : cells;
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
    let at = from;
    while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
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

  /** With csv-parse, which defines what the cells are. */
  #slowly(bytes: Uint8Array, start: number, end: number): number {
    const raw = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    const cells = parseRecord(raw, this.#dialect, 'utf-8');
    if (this.#isIrregular(bytes, start, end)) this.irregular++;
    else this.escaped++;
    let length = 0;
    for (const [index, cell] of cells.entries()) {
      const needed = length + 3 * cell.length;
      if (needed > this.#scratch.length) {
        const grown = Buffer.alloc(2 * needed);
        this.#scratch.copy(grown, 0, 0, length);
        this.#scratch = grown;
      }
      if (index >= MOST_CELLS) break;
      this.starts[index] = length;
      length += this.#scratch.write(cell, length);
      this.ends[index] = length;
    }
    this.bytes = this.#scratch;
    return cells.length;
  }

  #isIrregular(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start;
    for (;;) {
      if (this.#skipsSpace) at = this.#skip(bytes, at, end);
      if (at < end && bytes[at] === this.#quote) {
        at++;
        for (;;) {
          if (at >= end) return true;
          const byte = bytes[at++]!;
          if (byte === this.#escape && this.#escape !== this.#quote) at++;
          else if (byte === this.#quote) {
            if (this.#escape === this.#quote && bytes[at] === this.#quote && at < end) at++;
            else break;
          }
        }
        if (at < end && bytes[at] !== this.#delimiter) return true;
      } else while (at < end && bytes[at] !== this.#delimiter) at++;
      if (at >= end) return false;
      at++;
    }
  }
}
