import type { Dialect, Table } from '../types.ts';

const LF = 10;
const CR = 13;
const TAB = 9;
const SPACE = 32;

/** What a file's table says about blank lines at its end. */
export interface BlankRule {
  /** How many cells a record should have. */
  readonly columns: number;
  /** Every field takes an empty cell as null: a line of nothing but delimiters is no row of the table. */
  readonly emptyIsNull: boolean;
}

export function blankRuleOf({ fields }: Table): BlankRule {
  return {
    columns: fields.filter(({ constant }) => constant === undefined).length,
    emptyIsNull: fields.every(({ missingValues }) => missingValues.includes('')),
  };
}

/**
 * Finds where the blank lines at the end of a file begin, while it streams by: spreadsheets export them for rows that
 * once held something. Only lines that could never be rows of the table count as blank:
 *
 * - nothing, or only white space, where a record has several cells (where it has one: nothing, if that is null),
 * - nothing but delimiters, if every field takes an empty cell as null; with `skipInitialSpace` white space as well.
 *
 * Quotes, comments and everything else make a line that is not blank. So after the last byte of those no cell is
 * open, and every line end ends a record: no parser is needed. Each piece is looked at from its end, as far as it is
 * blank.
 */
export class BlankTail {
  #rule: BlankRule;
  readonly #delimiter: number;
  readonly #skipsSpace: boolean;
  /** The offset of the next byte, and of the line that it is on. */
  #offset = 0;
  #lineStart = 0;
  /** What the line holds so far. */
  #solid = false;
  #delimiters = false;
  #spaces = false;
  #afterCr = false;
  /** Where the blank lines before this one begin. */
  #blankFrom: number | null = null;

  constructor(dialect: Dialect, rule: BlankRule) {
    this.#rule = rule;
    this.#delimiter = dialect.delimiter.charCodeAt(0);
    this.#skipsSpace = dialect.skipInitialSpace;
  }

  /** Before the first piece: the file begins with bytes that are no part of a record. */
  skipBytes(count: number): void {
    this.#offset += count;
    this.#lineStart += count;
  }

  /** A header was read: it says how many cells a record should have. Everything blank comes after it. */
  setColumns(columns: number): void {
    this.#rule = { ...this.#rule, columns };
  }

  push(bytes: Uint8Array): void {
    let from = bytes.length;
    while (from > 0 && this.#isBlank(bytes[from - 1] as number)) from--;
    if (from > 0) {
      this.#blankFrom = null;
      this.#solid = true;
      this.#afterCr = false;
    }
    for (let i = from; i < bytes.length; i++) this.#pass(bytes[i] as number, this.#offset + i);
    this.#offset += bytes.length;
  }

  /** Ends the file. @returns the offset at which its blank lines begin; null when it has none */
  end(): number | null {
    if (this.#offset > this.#lineStart) this.#endLine(this.#offset);
    return this.#blankFrom;
  }

  #isBlank(byte: number): boolean {
    return byte === LF || byte === CR || byte === this.#delimiter || byte === SPACE || byte === TAB;
  }

  #pass(byte: number, offset: number): void {
    const afterCr = this.#afterCr;
    this.#afterCr = byte === CR;
    if (byte === LF && afterCr) this.#lineStart = offset + 1;
    else if (byte === LF || byte === CR) this.#endLine(offset + 1);
    else if (byte === this.#delimiter) this.#delimiters = true;
    else this.#spaces = true;
  }

  #endLine(next: number): void {
    if (this.#solid || !this.#isBlankLine()) this.#blankFrom = null;
    else this.#blankFrom ??= this.#lineStart;
    this.#lineStart = next;
    this.#solid = false;
    this.#delimiters = false;
    this.#spaces = false;
  }

  #isBlankLine(): boolean {
    const { columns, emptyIsNull } = this.#rule;
    if (!this.#delimiters && columns > 1) return true;
    return emptyIsNull && (!this.#spaces || this.#skipsSpace);
  }
}
