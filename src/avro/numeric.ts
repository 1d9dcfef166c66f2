/**
 * PostgreSQL's numeric between its binary form (numeric_send: counts of base-10000 digits, weight of the first, sign,
 * digits behind the point; then the digits, all int16) and the text that it prints. One text for one binary form and
 * back: PostgreSQL keeps no zeros at either end of the digits.
 */

const NEGATIVE = 0x4000;
const SPECIAL: ReadonlyMap<number, Buffer> = new Map([
  [0xc000, Buffer.from('NaN')],
  [0xd000, Buffer.from('Infinity')],
  [0xf000, Buffer.from('-Infinity')],
]);

/** numeric_send reads a scale out of the infinities' header bits; PostgreSQL ignores it, the checksum doesn't. */
const INFINITY_SCALE = 32;
const NAN_SIGN = 0xc000;

const HEADER_BYTES = 8;
const BASE_DIGITS = 4;
/** What PostgreSQL's documentation allows before and behind the point. */
const MAX_WHOLE_DIGITS = 131_072;
const MAX_SCALE = 16_383;

const ZERO = 48;
const NINE = 57;
const POINT = 46;
const MINUS = 45;

/** The length of the text of the binary numeric at `from`; -1 when it is not a numeric of so many bytes. */
export function numericTextLength(view: DataView, from: number, length: number): number {
  if (length < HEADER_BYTES) return -1;
  const count = view.getInt16(from);
  if (count < 0 || length !== HEADER_BYTES + 2 * count) return -1;
  const sign = view.getUint16(from + 4);
  const special = SPECIAL.get(sign);
  if (special) return special.length;
  const scale = view.getUint16(from + 6);
  const whole = wholeDigits(view, from, count, view.getInt16(from + 2));
  return (sign === NEGATIVE ? 1 : 0) + whole + (scale > 0 ? scale + 1 : 0);
}

function wholeDigits(view: DataView, from: number, count: number, weight: number): number {
  if (weight < 0 || count === 0) return 1;
  const first = view.getInt16(from + HEADER_BYTES);
  const firstDigits = first < 10 ? 1 : first < 100 ? 2 : first < 1000 ? 3 : 4;
  return weight * BASE_DIGITS + firstDigits;
}

/** Writes the text; there must be room for it. @returns the offset after it */
export function writeNumericText(view: DataView, from: number, target: Uint8Array, at: number): number {
  const count = view.getInt16(from);
  const weight = view.getInt16(from + 2);
  const sign = view.getUint16(from + 4);
  const special = SPECIAL.get(sign);
  if (special) {
    target.set(special, at);
    return at + special.length;
  }
  let to = at;
  if (sign === NEGATIVE) target[to++] = MINUS;
  for (let left = wholeDigits(view, from, count, weight) - 1; left >= 0; left--) {
    target[to++] = ZERO + digitOf(view, from, count, weight, left);
  }
  const scale = view.getUint16(from + 6);
  if (scale > 0) target[to++] = POINT;
  for (let place = 1; place <= scale; place++) {
    target[to++] = ZERO + digitOf(view, from, count, weight, -place);
  }
  return to;
}

/** The decimal digit of 10^power. */
function digitOf(view: DataView, from: number, count: number, weight: number, power: number): number {
  const index = weight - (power >> 2);
  if (index < 0 || index >= count) return 0;
  const digit = view.getInt16(from + HEADER_BYTES + 2 * index);
  switch (power & 3) {
    case 0:
      return digit % 10;
    case 1:
      return ((digit / 10) | 0) % 10;
    case 2:
      return ((digit / 100) | 0) % 10;
    default:
      return (digit / 1000) | 0;
  }
}

/** The most bytes that the binary form of a text needs. */
export function numericBytesAtMost(textLength: number): number {
  return textLength + 16;
}

/**
 * Writes the binary form of the text [start, end); there must be room for `numericBytesAtMost`.
 * @returns the offset after it, or -1 for a text that PostgreSQL would not have printed
 */
export function writeNumericBinary(
  text: Uint8Array,
  start: number,
  end: number,
  view: DataView,
  at: number,
): number {
  const first = text[start]! | 0;
  const digitsAt = first === MINUS ? start + 1 : start;
  if (digitsAt >= end) return -1;
  const lead = text[digitsAt]!;
  if (lead < ZERO || lead > NINE) return writeSpecial(text, start, end, view, at);
  const pointAt = skipDigits(text, digitsAt, end);
  const scale = pointAt === end ? 0 : end - pointAt - 1;
  if (pointAt < end && (text[pointAt] !== POINT || scale === 0)) return -1;
  if (scale > 0 && skipDigits(text, pointAt + 1, end) !== end) return -1;
  const leadingZero = lead === ZERO;
  if (leadingZero && pointAt - digitsAt > 1) return -1;
  if (pointAt - digitsAt > MAX_WHOLE_DIGITS || scale > MAX_SCALE) return -1;
  const top = leadingZero ? -1 : (pointAt - digitsAt - 1) >> 2;
  const bottom = -((scale + 3) >> 2);
  let weight = 0;
  let count = 0;
  let used = 0;
  for (let place = top; place >= bottom; place--) {
    const digit = base10000(text, digitsAt, pointAt, end, place * BASE_DIGITS);
    if (used === 0 && digit === 0) continue;
    if (used === 0) weight = place;
    view.setInt16(at + HEADER_BYTES + 2 * used++, digit);
    if (digit !== 0) count = used;
  }
  view.setInt16(at, count);
  view.setInt16(at + 2, weight);
  view.setUint16(at + 4, first === MINUS && count > 0 ? NEGATIVE : 0);
  view.setUint16(at + 6, scale);
  return at + HEADER_BYTES + 2 * count;
}

/** Four decimal digits, the last of which is that of 10^power. */
function base10000(text: Uint8Array, start: number, pointAt: number, end: number, power: number): number {
  let value = 0;
  for (let p = power + 3; p >= power; p--) {
    const at = p >= 0 ? pointAt - 1 - p : pointAt - p;
    value = value * 10 + (at >= start && at < end ? text[at]! - ZERO : 0);
  }
  return value;
}

function skipDigits(text: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && text[at]! >= ZERO && text[at]! <= NINE) at++;
  return at;
}

function writeSpecial(text: Uint8Array, start: number, end: number, view: DataView, at: number): number {
  for (const [sign, name] of SPECIAL) {
    if (name.compare(text, start, end) !== 0) continue;
    view.setInt32(at, 0);
    view.setUint16(at + 4, sign);
    view.setUint16(at + 6, sign === NAN_SIGN ? 0 : INFINITY_SCALE);
    return at + HEADER_BYTES;
  }
  return -1;
}
