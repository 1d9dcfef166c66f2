import type { Field } from '../types.ts';

/** The part of a field that decides how a cell is read: everything but its name and its constraints. */
export type FieldReading = Pick<
  Field,
  'type' | 'format' | 'trueValues' | 'falseValues' | 'bareNumber' | 'groupChar' | 'decimalChar'
>;

/**
 * Reads the cells of one field type by Table Schema v2's lexical rules. A value is kept as the text that
 * PostgreSQL's input function takes for it: that loses no digit, is JSON-safe and is what COPY needs anyway.
 */
export interface Caster {
  /** What a valid cell is, to follow "expected": `an integer`. */
  readonly expected: string;
  /** The value's text, or null when the cell is not of the type. */
  cast(cell: string): string | null;
  /** Why `cast` gave null, where `expected` alone would puzzle: `outside the range of a 64-bit integer`. */
  explain?(cell: string): string | null;
  /** Compares exactly with a bound that `cast` gave: below 0, 0 or above 0; NaN when they have no order. */
  against(bound: string): (value: string) => number;
}
