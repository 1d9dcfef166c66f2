import type { Field, Table } from '../types.ts';

/** A file whose table is looked for. It is opened twice or more: its beginning is read, then all of it. */
export interface InferSource {
  /** As people know it: `orders.csv.gz`. The table gets its name from it. */
  readonly name: string;
  open(): AsyncIterable<Buffer>;
  /** How long it is, and a part of it: a zip archive is read from its end. Absent: no zip archive is read. */
  readonly bytes?: number;
  readonly range?: (startByte: number, endByte: number) => AsyncIterable<Buffer>;
}

/** What is known beforehand, and so not looked for. */
export interface InferOverrides {
  /** The name of the table; of several tables, of the first. */
  readonly table?: string;
  readonly delimiter?: string;
  /** A WHATWG label; of any encoding, as what is no table's encoding is read as UTF-8 once it is recoded. */
  readonly encoding?: string;
  readonly header?: boolean;
  /** `null`: nothing is quoted. */
  readonly quoteChar?: string | null;
  readonly doubleQuote?: boolean;
  /** `null`: nothing is escaped. */
  readonly escapeChar?: string | null;
  readonly skipInitialSpace?: boolean;
  /** `null`: there are no comments. */
  readonly commentChar?: string | null;
  /** `day` reads 01/02/2026 as the first of February, `month` as the second of January. */
  readonly dateOrder?: 'day' | 'month';
  /** Fields of the primary key, by name; none: the table has no key. */
  readonly primaryKey?: readonly string[];
}

/**
 * Which rules the fields get: `none` (types and keys alone), `usual` (also `required`, `unique` and, where values are
 * few, `enum`), `observed` (also lengths and ranges as they are in the files, which the next file may well exceed).
 */
export type InferredRules = 'none' | 'usual' | 'observed';

/** A table that is there: what decides whether references lead to it. */
export interface KnownTable extends Pick<Table, 'name' | 'primaryKey' | 'uniqueKeys' | 'foreignKeys'> {
  readonly fields: readonly Pick<Field, 'name' | 'type' | 'constraints'>[];
}

/** Keys of one table: texts of some of its fields, as a file has them. */
export interface KeyQuestion {
  readonly table: string;
  readonly fields: readonly string[];
  readonly keys: readonly (readonly string[])[];
}

/** Whether the table has each of the keys, in their order; or why that is not known. */
export type KeyAnswer = readonly boolean[] | { readonly unknown: string };

export type LookUpKeys = (question: KeyQuestion) => Promise<KeyAnswer>;

export interface InferOptions {
  /** Tables that are there: references may lead to them, where `lookUpKeys` says which keys they have. */
  readonly tables?: readonly KnownTable[];
  readonly lookUpKeys?: LookUpKeys;
  readonly overrides?: InferOverrides;
  /** Default `usual` */
  readonly rules?: InferredRules;
  /** Bytes of all files together, unpacked, beyond which they are refused; default: any size. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
  /** Called with the bytes of all sources that were read so far, as they are in the files. */
  readonly progress?: (bytes: number) => void;
}

/** Why something was chosen. */
export interface Evidence {
  /** What was chosen, in words: `integer`, `a date as %d/%m/%Y`. */
  readonly choice: string;
  /** Rows (of a field: those with a value) that were looked at. */
  readonly rows: number;
  /** Rows that do not fit the choice, and become rejects. */
  readonly exceptions: number;
  /** At most three: of the exceptions where there are any, else of the values. */
  readonly examples: readonly string[];
  /** What else was considered, where it was close, and what to know about the choice. */
  readonly note?: string;
}

export interface InferredField {
  readonly name: string;
  /** As the file has it; null: the file has no header. */
  readonly heading: string | null;
  readonly evidence: readonly Evidence[];
}

export interface Preview {
  /** The first rows as they would be cast; a row that would be rejected is left out. */
  readonly rows: readonly (readonly (string | null)[])[];
}

export interface InferredFile {
  readonly name: string;
  /** As they are in the file. */
  readonly bytes: number;
  /** Records that are no header, comment or blank line at the end. */
  readonly rows: number;
  /** Rows that would be rejected for their form: the number of their cells, their quotes, their encoding. */
  readonly badRows: number;
  /** Such as `gzip`, or `zip in gzip`, from the outside to the inside; null: the file is not packed. */
  readonly compression: string | null;
  readonly encoding: Evidence;
  readonly delimiter: Evidence;
  readonly quote: Evidence;
  readonly header: Evidence;
  readonly lineEnd: Evidence;
  /** Lines at the begin that are no part of the table, such as a title. They have to go before the file is loaded. */
  readonly skippedLines: number;
  /** The form in which a load takes it: `add` sends it so. */
  readonly prepared: Preparation;
  readonly table: string;
  readonly primaryKey: Evidence;
  readonly references: readonly Evidence[];
  readonly fields: readonly InferredField[];
  readonly preview: Preview;
}

/** What has to be done to a file's bytes before a load of its table takes them; it unpacks them itself. */
export interface Preparation {
  /**
   * The encoding that is recoded to UTF-8, as no table can have it, or the table's other files are in another one; null: the
   * bytes stay.
   */
  readonly recode: string | null;
  /** Bytes that are dropped at the begin, after that. */
  readonly skipBytes: number;
  /** What stands there in their place: a header, where the file's can not name the fields. */
  readonly header: string | null;
}

export interface Inferred {
  /** A Data Package with a resource for each table, as `parseDictionary` takes it (beside the tables that are there). */
  readonly descriptor: {
    readonly name: string;
    readonly resources: readonly Readonly<Record<string, unknown>>[];
  };
  readonly files: readonly InferredFile[];
  readonly warnings: readonly string[];
}
