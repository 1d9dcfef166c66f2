/**
 * The shapes that more than one part of Longshore speaks. All are plain, readonly and JSON-safe, so that any
 * of them may cross a workflow, a process or an HTTP boundary.
 */

// ---------------------------------------------------------------- dictionary (parsed, defaults filled in)

/** The Table Schema v2 types that a field can have. */
export type FieldType = 'string' | 'integer' | 'number' | 'boolean' | 'date' | 'datetime' | 'time' | 'any';

/** Constraints of one field (Table Schema v2, "Field Constraints"). Bounds and enum values keep their written text. */
export interface FieldConstraints {
  readonly required?: boolean;
  readonly unique?: boolean;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: string;
  readonly maximum?: string;
  readonly exclusiveMinimum?: string;
  readonly exclusiveMaximum?: string;
  readonly pattern?: string;
  readonly enum?: readonly string[];
}

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  /** `default` when the descriptor gives none. */
  readonly format: string;
  readonly title?: string;
  readonly description?: string;
  readonly constraints: FieldConstraints;
  /** Cells that mean null; the table's unless the field has its own. */
  readonly missingValues: readonly string[];
  /** boolean only */
  readonly trueValues?: readonly string[];
  readonly falseValues?: readonly string[];
  /** integer and number only */
  readonly bareNumber?: boolean;
  readonly groupChar?: string;
  readonly decimalChar?: string;
  /** Names that a file's header may have in place of the field's own. */
  readonly from?: readonly string[];
  /** A cell for rows that have none, or one that means null. */
  readonly default?: string;
  /** A cell for every row, whatever the file has. */
  readonly constant?: string;
  /** White space at the edges of a cell does not count. */
  readonly trim?: true;
  /** Never in a dictionary: rows without a cell keep what the table has, so that the default does not count. */
  readonly keepsAbsent?: true;
}

export interface ForeignKey {
  readonly fields: readonly string[];
  readonly reference: { readonly table: string; readonly fields: readonly string[] };
}

/** Table Dialect v2, the part that Longshore reads. Every character is one ASCII character. */
export interface Dialect {
  readonly delimiter: string;
  readonly header: boolean;
  /** null: no quoting at all */
  readonly quoteChar: string | null;
  readonly doubleQuote: boolean;
  readonly escapeChar: string | null;
  readonly skipInitialSpace: boolean;
  readonly commentChar: string | null;
}

/** How one file or batch is read in place of what the dictionary says of its table; what is absent is as it says. */
export interface ReadAs extends Partial<Dialect> {
  /** A WHATWG encoding label, lower case. */
  readonly encoding?: string;
}

/** What does not count when the names of a header are compared with those of fields. */
export interface HeaderMatch {
  readonly ignoreCase: boolean;
  /** Also within a name. */
  readonly ignoreSpaces: boolean;
}

export type FieldsMatch = 'exact' | 'equal' | 'subset' | 'superset' | 'partial';

/** One resource of the dictionary. */
export interface Table {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly fields: readonly Field[];
  readonly fieldsMatch: FieldsMatch;
  /** Absent: names are compared exactly, but for white space around them. */
  readonly matchHeader?: HeaderMatch;
  /** Empty when the table has none. */
  readonly primaryKey: readonly string[];
  readonly uniqueKeys: readonly (readonly string[])[];
  readonly foreignKeys: readonly ForeignKey[];
  readonly dialect: Dialect;
  /** A WHATWG encoding label, lower case. */
  readonly encoding: string;
}

export interface Dictionary {
  readonly name: string;
  /** The descriptor's `version`, or a hash of its content when it has none. */
  readonly version: string;
  /** In an order in which every table comes after those it references (self references aside). */
  readonly tables: readonly Table[];
}

// ---------------------------------------------------------------- files

/**
 * A byte range of a file that begins and ends on record boundaries. `startByte` is included, `endByte` is not;
 * `firstLine` is the 1-based physical line on which the range begins.
 */
export interface Chunk {
  readonly no: number;
  readonly startByte: number;
  readonly endByte: number;
  readonly firstLine: number;
  /** The range holds at least one quote character: it needs the full parser. */
  readonly quotes: boolean;
  /** Stray quotes found in the range (see `src/csv/`): the reader has to step round them. */
  readonly strayQuotes: number;
  /** The range is a single record longer than `MAX_RECORD_BYTES`; it is rejected without being read whole. */
  readonly oversize: boolean;
}

export interface Survey {
  readonly bytes: number;
  /** hex */
  readonly sha256: string;
  /** Cells of the header record, or null where the dialect has none. */
  readonly header: readonly string[] | null;
  readonly chunks: readonly Chunk[];
}

// ---------------------------------------------------------------- rows

/** Frictionless's error types, plus `quote-error` (a quoted field that never ends properly, or an oversize record). */
export type RejectCode =
  | 'type-error'
  | 'constraint-error'
  | 'unique-error'
  | 'primary-key'
  | 'foreign-key'
  | 'missing-cell'
  | 'extra-cell'
  | 'blank-row'
  | 'encoding-error'
  | 'quote-error';

export interface CellError {
  readonly code: RejectCode;
  /** null when the whole row is at fault, or an extra cell has no field. */
  readonly field: string | null;
  /** Says what was expected and what was received (long cells shortened), without a full stop. */
  readonly message: string;
}

// ---------------------------------------------------------------- loads

export type LoadMode = 'append' | 'replace' | 'merge';

export const LOAD_MODES: readonly LoadMode[] = ['append', 'replace', 'merge'];

/**
 * accepted → (queued →) surveying → loading → checking → publishing → done
 * and from any of those → failed | cancelled. `paused` is a flag of its own, not a status.
 */
export type LoadStatus =
  | 'accepted'
  | 'queued'
  | 'surveying'
  | 'loading'
  | 'checking'
  | 'publishing'
  | 'done'
  | 'failed'
  | 'cancelled';

/** How many rejects fail the load: a count, or a share of the rows read in percent. */
export type MaxRejects =
  | { readonly kind: 'count'; readonly value: number }
  | { readonly kind: 'percent'; readonly value: number };
