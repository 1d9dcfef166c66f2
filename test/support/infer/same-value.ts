import { isDeepStrictEqual } from 'node:util';
import type { AnswerValue, FieldAnswer } from './answers.ts';
import type { Cell } from './reading.ts';

/** The value is the right one, in a type that the answer allows: a number as text is not right where it has to be a number. */
export function sameValue(expected: AnswerValue, cell: Cell | undefined, field: FieldAnswer): boolean {
  if (cell === undefined) return false;
  if (expected !== null && typeof expected === 'object') {
    return expected.either.some((one) => sameValue(one, cell, field));
  }
  // No reader of CSV can tell the empty text from nothing.
  if (expected === null) return cell === null || (cell[0] === 's' && cell[1] === '');
  if (cell === null) return false;
  if (cell[0] === 'b') return cell[1] === expected && field.type.includes('boolean');
  if (typeof expected === 'boolean') return false;
  const is = (...types: FieldAnswer['type']) => types.some((type) => field.type.includes(type));
  switch (cell[0]) {
    case 's':
      return is('string') && cell[1] === expected;
    case 'n':
      return is('integer', 'number') && plainDecimal(cell[1]) === plainDecimal(expected);
    case 'd':
      return is('date') && cell[1] === expected;
    case 't':
      return is('date', 'datetime') && instant(cell[1]) === instant(expected);
    case 'h':
      return is('time') && cell[1].replace(/\.0+$/, '') === expected;
    case 'i':
      return is('time', 'duration') && cell[1] === expected;
    case 'j':
      return is('string') && sameJson(cell[1], expected);
    default:
      return false;
  }
}

/** `1.50`, `1.5` and `15e-1` are one number, with every digit: no rounding makes two numbers the same. */
function plainDecimal(text: string): string {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i.exec(text);
  if (!match || (match[2] === '' && !match[3])) return `not a number: ${text}`;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  const kept = digits.replace(/0+$/, '');
  if (kept === '') return '0';
  return `${sign === '-' ? '-' : ''}${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`;
}

/** Microseconds; without an offset it is UTC, as Longshore reads it. */
function instant(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?$/.exec(text);
  if (!match) return `no moment: ${text}`;
  const [, day, time = '00:00:00', fraction = '', zone = 'Z'] = match;
  const seconds = Date.parse(`${day}T${time}${zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')}`) / 1000;
  return `${seconds}.${fraction.padEnd(6, '0').slice(0, 6)}`;
}

function sameJson(left: string, right: string): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(left), JSON.parse(right));
  } catch {
    return false;
  }
}
