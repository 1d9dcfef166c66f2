import type { Field } from '../types.ts';
import { booleanCaster } from './cast-boolean.ts';
import { dateCaster } from './cast-date.ts';
import { datetimeCaster } from './cast-datetime.ts';
import { integerCaster } from './cast-integer.ts';
import { numberCaster } from './cast-number.ts';
import { stringCaster } from './cast-string.ts';
import { timeCaster } from './cast-time.ts';

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

/** @throws RangeError when the field's format is not one that `formatFault` accepts. */
export function casterFor(field: FieldReading): Caster {
  switch (field.type) {
    case 'integer':
      return integerCaster(field);
    case 'number':
      return numberCaster(field);
    case 'boolean':
      return booleanCaster(field);
    case 'date':
      return dateCaster(field.format);
    case 'datetime':
      return datetimeCaster(field.format);
    case 'time':
      return timeCaster(field.format);
    case 'string':
      return stringCaster(field.format);
    case 'any':
      return stringCaster('default');
  }
}
