/** Tables whose histograms are told apart: each has some eighty series. */
export const HISTOGRAM_TABLES = 10;
/** Tables whose counters are told apart: each has a few series. */
export const COUNTER_TABLES = 200;
/** The label of all other tables together. No table can have this name: theirs begin with a letter or a digit. */
export const OTHER_TABLES = '_other';

/**
 * Values of the label `table`, so that the size of `/metrics` has a bound whatever the number of tables: the first tables
 * have their own, and keep it, since a series that came and went would look like one that was reset.
 */
export class TableLabels {
  readonly #most: number;
  readonly #own: Set<string>;

  /** @param first tables that have their own before any other */
  constructor(most: number, first: readonly string[] = []) {
    this.#most = most;
    this.#own = new Set(first.slice(0, most));
  }

  of(table: string): string {
    if (this.#own.size < this.#most) this.#own.add(table);
    return this.#own.has(table) ? table : OTHER_TABLES;
  }
}
