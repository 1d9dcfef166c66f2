import type { CellError, Table } from '../types.ts';
import type { BinaryWriter } from './binary-cell.ts';

/**
 * How a cell is read: the grammar of each type stands in three places, and one of them is the truth.
 *
 *   check        cast-*.ts        decides, on the cell's text: its value, or every rule that it breaks
 *   verbatim     verbatim.ts      a quick yes on the bytes: what it accepts, check gives back unchanged
 *   writeBinary  binary-cell.ts   the same quick yes, written as binary COPY: the value that PostgreSQL makes of
 *                                 check's text
 *
 * The quick ones may doubt anything, and then `check` is asked; they may never accept what it would not, or make
 * another value of it. A change of a type's grammar begins in cast-*.ts. The quick ones are held to it by the
 * properties in test/unit/rows.test.ts, and whole chunks by those of encode-chunk.test.ts and, through PostgreSQL,
 * copy-chunk.test.ts.
 */

/**
 * What a checked cell becomes: the text that PostgreSQL's input function for the column takes (not yet escaped
 * for COPY), null for SQL NULL, or every rule it broke.
 */
export type CheckedCell = string | null | readonly CellError[];

/** One field's rules, compiled once per process. */
export interface CompiledField {
  readonly name: string;
  check(cell: string): CheckedCell;
  /** The row has no cell for the field. */
  checkAbsent(): CheckedCell;
  /** The row has no value here, as with JSON's null. */
  checkNull(): CheckedCell;
  /**
   * A quick "surely good": true only if the bytes [start, end) are a valid, non-null cell whose bytes PostgreSQL
   * would take unchanged, with nothing that COPY text would escape (backslash, tab, newline, CR, NUL), and whose
   * `check` gives the same text. False means "ask `check`". The bytes are valid UTF-8.
   */
  readonly verbatim: (bytes: Uint8Array, start: number, end: number) => boolean;
  /** Writes a cell as binary COPY, if it surely is good; null where the column's type has no such writer. */
  readonly writeBinary: BinaryWriter | null;
  /** COPY text of what `checkAbsent` gives; null where that is an error. */
  readonly absentText: Uint8Array | null;
  /** The empty cell means null here and null is allowed: the fast path may write NULL without asking. */
  readonly emptyIsNull: boolean;
}

export type CheckedRow =
  | { readonly values: readonly (string | null)[]; readonly errors: null }
  | { readonly values: null; readonly errors: readonly CellError[] };

/** A table's rules, compiled. `fields` is in the dictionary's order, as are the values of a checked row. */
export interface CompiledTable {
  readonly table: Table;
  readonly fields: readonly CompiledField[];
  /**
   * Checks one record, with `columns[i]` the index of field i's cell in the record, or -1 when the file does not
   * have that field (it is null then), and `width` the cells a record should have.
   */
  checkRow(cells: readonly string[], columns: readonly number[], width: number): CheckedRow;
}
