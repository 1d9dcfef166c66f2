import { quoted } from '../shorten.ts';

/** A finite decimal as sign, significant digits without outer zeros, and value = sign × 0.digits × 10^point. */
interface Decimal {
  readonly sign: -1 | 0 | 1;
  readonly digits: string;
  readonly point: number;
}

/** Below this many characters decimals without exponent can be compared as doubles (15 significant digits). */
const DOUBLE_IS_EXACT = 15;

function parseDecimal(text: string): Decimal {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!match) throw new RangeError(`not a decimal: ${quoted(text)}`);
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const all = whole + fraction;
  let first = 0;
  while (first < all.length && all.charCodeAt(first) === 48) first++;
  let last = all.length;
  while (last > first && all.charCodeAt(last - 1) === 48) last--;
  if (first === last) return { sign: 0, digits: '', point: 0 };
  return {
    sign: sign === '-' ? -1 : 1,
    digits: all.slice(first, last),
    point: whole.length - first + Number(exponent),
  };
}

function compareFinite(a: Decimal, b: Decimal): number {
  if (a.sign !== b.sign) return a.sign - b.sign;
  if (a.sign === 0) return 0;
  if (a.point !== b.point) return a.point < b.point ? -a.sign : a.sign;
  if (a.digits === b.digits) return 0;
  // With the same point, digits compare as text: "15" is above "1499" because 0.15 is above 0.1499.
  return a.digits < b.digits ? -a.sign : a.sign;
}

/** Whether two texts are the same number; a text that is no finite decimal equals none. */
export function isSameNumber(one: string, other: string): boolean {
  if (one === 'Infinity' || one === '-Infinity') return false;
  return compareFinite(parseDecimal(one), parseDecimal(other)) === 0;
}

/** Zeros that are written out before an exponent is used. */
const MOST_ZEROS = 30;

/** One text for every text of the same number; `NaN` and the infinities are their own. */
export function plainNumber(text: string): string {
  if (/^(?:NaN|-?Infinity)$/.test(text)) return text;
  const { sign, digits, point } = parseDecimal(text);
  if (sign === 0) return '0';
  const minus = sign < 0 ? '-' : '';
  if (point > digits.length + MOST_ZEROS || point < -MOST_ZEROS) return `${minus}0.${digits}e${point}`;
  if (point >= digits.length) return minus + digits.padEnd(point, '0');
  if (point <= 0) return `${minus}0.${'0'.repeat(-point)}${digits}`;
  return `${minus}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/**
 * Compares decimals of any length exactly, without doubles and without multiplying out an exponent (1e131071
 * against 1 costs nothing). Takes PostgreSQL's `Infinity`, `-Infinity` and `NaN`; NaN has no order (IEEE 754).
 */
export function compareWith(bound: string): (value: string) => number {
  const quick = bound.length <= DOUBLE_IS_EXACT && /^[+-]?[\d.]+$/.test(bound) ? Number(bound) : null;
  const finite = Number.isNaN(Number(bound)) || /inf/i.test(bound) ? null : parseDecimal(bound);
  return (value) => {
    if (quick !== null && value.length <= DOUBLE_IS_EXACT) {
      const double = Number(value);
      // An exponent can round to 0 or to infinity, so that only plain digits take the short way.
      if (Number.isFinite(double) && !/[eE]/.test(value)) return double - quick;
    }
    if (value === 'NaN' || bound === 'NaN') return Number.NaN;
    if (value === bound) return 0;
    if (value === 'Infinity' || bound === '-Infinity') return 1;
    if (value === '-Infinity' || bound === 'Infinity') return -1;
    return compareFinite(parseDecimal(value), finite ?? parseDecimal(bound));
  };
}
