import { csvLine } from '../csv/write-csv.ts';
import type { CellError } from '../types.ts';

const REASON_COLUMNS = ['_field', '_code', '_message'];

export interface CsvReject {
  /** The row's line in a file, or its index in a batch. */
  readonly at: number;
  readonly cells: readonly string[];
  readonly errors: readonly CellError[];
}

/**
 * Rejects as CSV, for someone who corrects the rows and loads them again: one line a row, its original cells in
 * the file's own order, then where and why. A row with several errors has them joined by `; ` in the last three
 * columns, in the same order. A short row is filled up with empty cells; when any row has cells too many, a column
 * `_extra` behind the table's columns holds them, written as CSV themselves.
 */
export class RejectsCsv {
  readonly #columns: readonly string[];
  readonly #place: string;
  readonly #extra: boolean;
  readonly #delimiter: string;

  /**
   * @param place name of the column with the row's position
   * @param delimiter the table's, so that the corrected file has the dialect of the first one
   */
  constructor(shape: RejectShape, place: '_line' | '_index', delimiter: string) {
    this.#place = place;
    this.#columns = shape.columns;
    this.#extra = shape.extra;
    this.#delimiter = delimiter;
  }

  header(): string {
    const extra = this.#extra ? ['_extra'] : [];
    return csvLine([...this.#columns, ...extra, this.#place, ...REASON_COLUMNS], this.#delimiter);
  }

  line(reject: CsvReject): string {
    const width = this.#columns.length;
    const cells = reject.cells.slice(0, width);
    while (cells.length < width) cells.push('');
    if (this.#extra) {
      const beyond = reject.cells.slice(width);
      cells.push(beyond.length === 0 ? '' : csvLine(beyond, this.#delimiter).trimEnd());
    }
    const { errors } = reject;
    return csvLine(
      [
        ...cells,
        String(reject.at),
        errors.map((error) => error.field ?? '').join('; '),
        errors.map((error) => error.code).join('; '),
        errors.map((error) => error.message).join('; '),
      ],
      this.#delimiter,
    );
  }
}

export interface RejectShape {
  /** Column names: the file's header where it has one, else the names of the table's fields. */
  readonly columns: readonly string[];
  /** Whether any reject has more cells than columns. */
  readonly extra: boolean;
}

/** Reads rejects in pages, from the first after `after`. */
export type RejectPages = (
  after: number,
  limit: number,
) => Promise<{ readonly rejects: readonly CsvReject[]; readonly more: boolean }>;

/** Rejects read from the ledger at a time. */
const CSV_PAGE = 1000;

/** A CSV of all rejects after `after`, or of the first `limit` of them, in pieces. */
export async function* rejectsCsvLines(
  csv: RejectsCsv,
  pages: RejectPages,
  after: number,
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<string> {
  yield csv.header();
  let left = limit;
  for (let last = after; left > 0; ) {
    const { rejects, more } = await pages(last, Math.min(left, CSV_PAGE));
    if (rejects.length > 0) yield rejects.map((reject) => csv.line(reject)).join('');
    if (!more) return;
    left -= rejects.length;
    last = rejects.at(-1)!.at;
  }
}
