import { LongshoreError } from '../errors.ts';
import type { Dialect, Table } from '../types.ts';
import { MAX_BATCH_BYTES, MAX_BATCH_ROWS } from './batch.ts';
import { tooManyRows } from './count-rows.ts';

/**
 * A body of 8 MiB may be nothing but commas or brackets, and a parser makes a value of each, which blocks the process
 * for seconds. So rows and cells are counted before they are parsed, in one pass that allocates nothing. Counting does
 * not validate: malformed JSON and CSV are left to the parser.
 */

/** Cells that a row may have beyond twice its fields, so that rows with large objects are still rejected one by one. */
const SPARE_CELLS = 30;

/** Deeper than any row, and far from a stack overflow. */
const MAX_DEPTH = 1_000;

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c];
const [OPEN_ARRAY, OPEN_OBJECT, CLOSE_ARRAY, CLOSE_OBJECT] = [0x5b, 0x7b, 0x5d, 0x7d];

/**
 * The cells of a batch as JSON, which is how a reject is kept and answered. Quotes, backslashes and line ends become two
 * bytes, so that text always has room; a control character becomes six.
 */
const MAX_JSON_BYTES = 2 * MAX_BATCH_BYTES;
const ESCAPED_BYTES = 6;
const [BACKSPACE, VERTICAL_TAB, CR, SPACE] = [0x08, 0x0b, 0x0d, 0x20];

/** Bounds the JSON that CSV becomes; JSON arrives escaped. @throws LongshoreError `batch-too-large` */
export function refuseJsonLength(csv: Buffer): void {
  if (csv.length * ESCAPED_BYTES <= MAX_JSON_BYTES) return;
  let bytes = csv.length;
  for (let at = 0; at < csv.length; at++) {
    const code = csv[at]!;
    if (code === QUOTE || code === BACKSLASH) bytes += 1;
    else if (code < SPACE) bytes += hasShortEscape(code) ? 1 : ESCAPED_BYTES - 1;
  }
  if (bytes <= MAX_JSON_BYTES) return;
  throw new LongshoreError(
    'batch-too-large',
    `expected cells of at most ${MAX_JSON_BYTES} bytes as JSON, where a control character has ${ESCAPED_BYTES}, received ${bytes}`,
  );
}

/** Backspace, tab, LF, form feed and CR. */
function hasShortEscape(code: number): boolean {
  return code >= BACKSPACE && code <= CR && code !== VERTICAL_TAB;
}

/** Counts the rows and cells of one batch. */
export class BatchBounds {
  readonly #most: number;
  #cells = 0;

  constructor({ fields }: Pick<Table, 'fields'>) {
    this.#most = MAX_BATCH_ROWS * (2 * fields.length + SPARE_CELLS);
  }

  /** @throws LongshoreError `batch-too-large` */
  addCells(count: number): void {
    this.#cells += count;
    if (this.#cells <= this.#most) return;
    throw new LongshoreError(
      'batch-too-large',
      `expected at most ${this.#most} cells in a batch of this table, received more`,
    );
  }

  /**
   * Values of a JSON text, nested ones too.
   * @param rows whether it is the whole batch, and its entries are rows
   * @throws LongshoreError `batch-too-large`, `malformed-body` when it is nested too deeply
   */
  addJson(text: string, rows: boolean): void {
    const rowDepth = text.trimStart().startsWith('[') ? 1 : 2;
    let [depth, commas, values, inRows] = [0, 0, 0, false];
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) at = closingQuote(text, at);
      else if (code === COMMA) {
        values++;
        if (rows && inRows && depth === rowDepth && ++commas >= MAX_BATCH_ROWS) throw tooManyRows();
      } else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
        values++;
        if (++depth > MAX_DEPTH) throw tooDeep();
        if (depth === rowDepth) inRows = code === OPEN_ARRAY;
      } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) depth--;
      // Checked now and then, so that far too much is not read to its end.
      if (values >= SPARE_CELLS * MAX_BATCH_ROWS) {
        this.addCells(values);
        values = 0;
      }
    }
    this.addCells(values);
  }
}

/** @returns the index of the quote that closes the string beginning at `from`, or the text's length */
function closingQuote(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at++;
  }
  return text.length;
}

/** @returns how many cells a raw CSV record has; quotes are read as the scanner reads them */
export function countCells(record: Buffer, dialect: Dialect): number {
  const delimiter = dialect.delimiter.charCodeAt(0);
  const quote = dialect.quoteChar === null ? -1 : dialect.quoteChar.charCodeAt(0);
  let cells = 0;
  for (let at = 0; at <= record.length; at++) {
    cells++;
    if (dialect.skipInitialSpace) at = afterSpaces(record, at);
    if (record[at] === quote) at = afterQuotes(record, at, quote, dialect);
    while (at < record.length && record[at] !== delimiter) at++;
  }
  return cells;
}

function afterSpaces(record: Buffer, from: number): number {
  let at = from;
  while (record[at] === 0x20 || record[at] === 0x09) at++;
  return at;
}

/** @returns the end of the quoted part that begins at `from`; `from` when it is never closed */
function afterQuotes(record: Buffer, from: number, quote: number, dialect: Dialect): number {
  const escapes = dialect.escapeChar?.charCodeAt(0);
  for (let at = from + 1; at < record.length; at++) {
    if (record[at] === escapes && escapes !== quote) at++;
    else if (record[at] === quote) {
      if (!dialect.doubleQuote || record[at + 1] !== quote) return at + 1;
      at++;
    }
  }
  return from;
}

function tooDeep(): LongshoreError {
  return new LongshoreError('malformed-body', 'the JSON is nested too deeply to be rows');
}
