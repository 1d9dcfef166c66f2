import { compareWith } from './decimal.ts';
import type { Caster, FieldReading } from './field-reading.ts';
import { numberStripper } from './strip-number.ts';

/** PostgreSQL's numeric: "up to 131072 digits before the decimal point; up to 16383 digits after". */
const DIGITS_BEFORE_POINT = 131_072;
const DIGITS_AFTER_POINT = 16_383;

const DECIMAL = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

const SPECIAL: ReadonlyMap<string, string> = new Map([
  ['nan', 'NaN'],
  ['inf', 'Infinity'],
  ['-inf', '-Infinity'],
  // As PostgreSQL, and so rows, reports and backups spell them: what is shown is also taken.
  ['infinity', 'Infinity'],
  ['-infinity', '-Infinity'],
]);

/**
 * Table Schema v2 "number": XML Schema's decimal, an optional exponent, and NaN, INF, -INF (or Infinity) in any case. Every
 * digit is kept (PostgreSQL's numeric), trailing zeros too.
 */
export function numberCaster(field: FieldReading): Caster {
  const strip = numberStripper(field);
  return {
    expected: 'a number',
    cast(cell) {
      const text = strip(cell);
      if (text === null) return null;
      if (DECIMAL.test(text)) return withinNumeric(text);
      return SPECIAL.get(text.toLowerCase()) ?? null;
    },
    explain(cell) {
      const text = strip(cell);
      return text !== null && DECIMAL.test(text) ? 'outside the range of numeric' : null;
    },
    against: compareWith,
  };
}

function withinNumeric(text: string): string | null {
  if (text.length <= DIGITS_AFTER_POINT && !/[eE]/.test(text)) return text;
  const [mantissa = '', exponent = '0'] = text.replace(/^[+-]/, '').split(/[eE]/);
  const [whole = '', fraction = ''] = mantissa.split('.');
  const shift = Number(exponent);
  const leadingZeros = /^0*/.exec(whole + fraction)?.[0].length ?? 0;
  // PostgreSQL would count the exponent of a zero as digits; a zero needs none.
  if (leadingZeros === whole.length + fraction.length && shift !== 0) return '0';
  const before = whole.length - leadingZeros + shift;
  const after = fraction.length - shift;
  return before <= DIGITS_BEFORE_POINT && after <= DIGITS_AFTER_POINT ? text : null;
}
