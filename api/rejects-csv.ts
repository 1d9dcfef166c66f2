import type { RejectView } from '../src/ledger/load-view.ts';
import { csvLine } from './csv.ts';
import type { RejectShape } from './load-service.ts';

const REASON_COLUMNS = ['_line', '_field', '_code', '_message'];

/**
 * Rejects as CSV, for someone who corrects the rows and loads them again: one line a row, its original cells in
 * the file's own order, then where and why. A row with several errors has them joined by `; ` in the last three
 * columns, in the same order. A short row is filled up with empty cells; when any row has cells too many, a column
 * `_extra` behind the table's columns holds them, written as CSV themselves.
 */
export class RejectsCsv {
  readonly #columns: readonly string[];
  readonly #extra: boolean;
  readonly #delimiter: string;

  /** @param delimiter the table's, so that the corrected file has the dialect of the first one */
  constructor(shape: RejectShape, delimiter: string) {
    this.#columns = shape.columns;
    this.#extra = shape.extra;
    this.#delimiter = delimiter;
  }

  header(): string {
    const extra = this.#extra ? ['_extra'] : [];
    return csvLine([...this.#columns, ...extra, ...REASON_COLUMNS], this.#delimiter);
  }

  line(reject: RejectView): string {
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
        String(reject.line),
        errors.map((error) => error.field ?? '').join('; '),
        errors.map((error) => error.code).join('; '),
        errors.map((error) => error.message).join('; '),
      ],
      this.#delimiter,
    );
  }
}
