import type { FieldType } from '../types.ts';

/** What a column's type is, and what belongs to it in the descriptor. */
export interface Choice {
  readonly type: FieldType;
  readonly format?: string;
  /** `groupChar`, `trueValues` and the like. */
  readonly properties: Readonly<Record<string, unknown>>;
  /** Rows with a value that is not of the type. */
  readonly exceptions: number;
  readonly exceptionExamples?: readonly { readonly bytes: Buffer; readonly line: number }[];
  readonly note?: string;
  /** Set where nothing decided: a warning says so. */
  readonly undecided?: string;
}

/** What the rest of the file says. */
export interface Surroundings {
  readonly heading: string | null;
  /** Other columns have a comma (a point) before their decimals; null: none tells. */
  readonly decimalComma: boolean | null;
  /** Other columns have dates with the day (the month) first; null: none tells. */
  readonly dayFirst: boolean | null;
  readonly dateOrder: 'day' | 'month' | undefined;
  /** Separated by semicolons, or not in ASCII: where the day is first. */
  readonly looksEuropean: boolean;
  readonly decode: (bytes: Uint8Array) => string;
}
