import { compareWith } from './decimal.ts';
import type { Caster, FieldReading } from './field-reading.ts';
import { numberStripper } from './strip-number.ts';

const LOWEST = -(2n ** 63n);
const HIGHEST = 2n ** 63n - 1n;

/** An optional sign and up to so many digits fit in 64 bits, whichever digits they are. */
const SURE_LENGTH = 18;

/**
 * Table Schema v2 "integer": an optional sign and ASCII digits, within PostgreSQL's bigint. White space around
 * it is ignored, as XML Schema's whiteSpace=collapse and Frictionless do.
 */
export function integerCaster(field: FieldReading): Caster {
  const strip = numberStripper(field);
  return {
    expected: 'an integer',
    cast(cell) {
      const text = strip(cell);
      if (text === null || !isInteger(text)) return null;
      return text.length <= SURE_LENGTH ? text : canonical(text);
    },
    explain(cell) {
      const text = strip(cell);
      return text !== null && isInteger(text) ? 'outside the range of a 64-bit integer' : null;
    },
    against: compareWith,
  };
}

/** A loop is quicker for what numbers have, and a pattern for what nobody would call one, of some MiB. */
const LONG_LENGTH = 1_000;
const INTEGER = /^[+-]?[0-9]+$/;

function isInteger(text: string): boolean {
  if (text.length > LONG_LENGTH) return INTEGER.test(text);
  const first = text.charCodeAt(0);
  let at = first === 45 || first === 43 ? 1 : 0;
  if (at === text.length) return false;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 48 || code > 57) return false;
  }
  return true;
}

function canonical(text: string): string | null {
  const digits = text.replace(/^[+-]?0*/, '');
  // More digits than 64 bits can have: not worth a BigInt, whose cost grows with the square of its length.
  if (digits.length > 19) return null;
  const value = BigInt(digits || '0') * (text.startsWith('-') ? -1n : 1n);
  return value < LOWEST || value > HIGHEST ? null : value.toString();
}
