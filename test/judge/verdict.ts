import type { Table } from '../../src/types.ts';

/** One error of one row, as either side reports it. */
export interface RowError {
  readonly code: string;
  /** Names joined by a comma for a foreign key of several fields; null where no field of the table is meant. */
  readonly field: string | null;
  /** The judge's word, and the line of the earlier row that it found the same. */
  readonly note?: string;
  readonly firstLine?: number | null;
}

/** What one side says of one file. */
export interface Verdict {
  /** What is wrong with the file as a whole (its header, its encoding); its rows are then not looked at. */
  readonly file: readonly string[];
  /** By physical line. */
  readonly rows: ReadonlyMap<number, readonly RowError[]>;
}

/** A Data Package with its files. */
export interface JudgeCase {
  readonly name: string;
  readonly descriptor: { readonly resources: readonly Readonly<Record<string, unknown>>[] };
  /** By table name. */
  readonly files: Readonly<Record<string, Buffer>>;
  /** Where the answer is known beforehand: rows rejected, by table. Both sides must find just so many. */
  readonly rejected?: Readonly<Record<string, number>>;
}

/** Longshore's verdict, with what the differences need to know of the rows. */
export interface OwnVerdict extends Verdict {
  readonly table: Table;
  readonly cells: ReadonlyMap<number, readonly string[]>;
  /** For each field the index of its cell. */
  readonly columns: readonly number[];
}
