import { isDigit } from './number-shapes.ts';
import { MOMENT } from './shapes.ts';

/** Forms of a date, in bits 4 to 6. */
export const NO_DATE = 0;
/** `2026-01-31` */
export const YEAR_FIRST = 1;
/** `31/01/2026` or `01/31/2026`, or with two digits of the year */
export const YEAR_LAST = 2;
/** `20260131`, with a time behind it */
export const COMPACT = 3;
/** `31 Jan 2026` */
export const DAY_MONTH = 4;
/** `Jan 31, 2026` */
export const MONTH_DAY = 5;
/** `2026-Jan-31` */
export const YEAR_MONTH = 6;

export const SEPARATOR_CHARS: readonly string[] = ['', '-', '/', '.', ' '];
export const JOINS: readonly string[] = ['', 'T', ' ', ', ', ':', 't', '  '];
/** Forms of what stands for an offset behind the time. */
export const NO_ZONE = 0;
export const ZONE_Z = 1;
export const ZONE_COLON = 2;
export const ZONE_PLAIN = 3;
export const ZONE_HOURS = 4;
export const ZONE_UTC = 5;
export const ZONE_GMT = 6;
/** `+00`, as PostgreSQL writes UTC; `ZONE_HOURS` is any other. */
export const ZONE_ZERO = 7;

export interface MomentShape {
  readonly date: number;
  readonly separator: number;
  readonly shortYear: boolean;
  /** A day, month or hour has one digit. */
  readonly short: boolean;
  /** 0 none, 1 hh:mm, 2 hh:mm:ss, 3 with a fraction of at most six digits, 4 of more that are 0, 5 of more */
  readonly time: number;
  readonly join: number;
  /** 0 none, 1 with a space before it, 2 without */
  readonly half: number;
  readonly zone: number;
  readonly zoneSpace: boolean;
  /** 1 `Jan`, 2 `January`, 3 `May`, which is both */
  readonly month: number;
  /** 1 `Mon`, 2 `Monday` */
  readonly weekday: number;
  /** MONTH_DAY: a comma behind the day. DAY_MONTH and a weekday: a comma behind that. */
  readonly comma: boolean;
}

export function momentOf(shape: number): MomentShape {
  return {
    date: (shape >>> 4) & 7,
    separator: (shape >>> 7) & 7,
    shortYear: ((shape >>> 10) & 1) === 1,
    short: ((shape >>> 11) & 1) === 1,
    time: (shape >>> 12) & 7,
    join: (shape >>> 15) & 7,
    half: (shape >>> 18) & 3,
    zone: (shape >>> 20) & 7,
    zoneSpace: ((shape >>> 23) & 1) === 1,
    month: (shape >>> 24) & 3,
    weekday: (shape >>> 26) & 3,
    comma: ((shape >>> 28) & 1) === 1,
  };
}

/** The shape without what one column's cells may differ in: whether parts have one digit, `May` and `Jan`. */
export const SHORT_BIT = 1 << 11;
export const MONTH_BITS = 3 << 24;

/** What the last call found: the numbers as they stand, and whether hours, minutes and seconds exist. */
export const momentFound = { first: 0, second: 0, third: 0, clock: 0, timeExists: true };

const MONTH_NAMES = [
  ...['january', 'february', 'march', 'april', 'may', 'june', 'july'],
  ...['august', 'september', 'october', 'november', 'december'],
];
const DAY_NAMES = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

const MONTHS = namesOf(MONTH_NAMES);
const DAYS = namesOf(DAY_NAMES);

/** By name: its number, and how long it is written. */
function namesOf(
  names: readonly string[],
): ReadonlyMap<string, { readonly no: number; readonly form: number }> {
  const found = new Map<string, { no: number; form: number }>();
  for (const [index, name] of names.entries()) {
    found.set(name, { no: index + 1, form: name.length === 3 ? 3 : 2 });
    if (name.length > 3) found.set(name.slice(0, 3), { no: index + 1, form: 1 });
  }
  return found;
}

let at = 0;
let digits = 0;

/** The shape of a date, a time or both; -1 where the cell is something else. Days and months need not exist. */
export function momentShape(bytes: Uint8Array, start: number, end: number): number {
  momentFound.timeExists = true;
  momentFound.clock = 0;
  at = start;
  const shape = isDigit(bytes[at]!) ? numericStart(bytes, end) : namedStart(bytes, end);
  return shape === -1 || at !== end ? -1 : shape;
}

function numericStart(bytes: Uint8Array, end: number): number {
  const first = number(bytes, end);
  const length = digits;
  const separator = at < end ? bytes[at]! : 0;
  if (separator === 58 && length <= 2) return timePart(bytes, end, MOMENT, first, length === 1);
  momentFound.first = first;
  const no = separatorNumber(separator);
  if (length === 4 && no >= 1 && no <= 3) {
    at++;
    if (!isDigit(bytes[at]!)) return yearMonth(bytes, end, no);
    return yearFirst(bytes, end, no, separator);
  }
  if (length === 8) return compact(bytes, end, first);
  if (length > 2) return -1;
  if (no >= 1 && no <= 3 && at + 1 < end && isDigit(bytes[at + 1]!)) {
    at++;
    return yearLast(bytes, end, no, separator, length);
  }
  if (no > 0) at++;
  return dayMonth(bytes, end, no, length === 1, 0, false);
}

function yearFirst(bytes: Uint8Array, end: number, no: number, separator: number): number {
  momentFound.second = number(bytes, end);
  let short = digits === 1;
  if (digits < 1 || digits > 2 || bytes[at] !== separator || at >= end) return -1;
  at++;
  momentFound.third = number(bytes, end);
  short ||= digits === 1;
  if (digits < 1 || digits > 2) return -1;
  return rest(bytes, end, MOMENT | (YEAR_FIRST << 4) | (no << 7), short);
}

function yearLast(bytes: Uint8Array, end: number, no: number, separator: number, length: number): number {
  momentFound.second = number(bytes, end);
  const short = length === 1 || digits === 1;
  if (digits < 1 || digits > 2 || bytes[at] !== separator || at >= end) return -1;
  at++;
  momentFound.third = number(bytes, end);
  if (digits !== 2 && digits !== 4) return -1;
  const shortYear = digits === 2 ? 1 << 10 : 0;
  return rest(bytes, end, MOMENT | (YEAR_LAST << 4) | (no << 7) | shortYear, short);
}

function compact(bytes: Uint8Array, end: number, first: number): number {
  if (at === end) return -1;
  momentFound.first = Math.floor(first / 10_000);
  momentFound.second = Math.floor(first / 100) % 100;
  momentFound.third = first % 100;
  return rest(bytes, end, MOMENT | (COMPACT << 4), false);
}

function yearMonth(bytes: Uint8Array, end: number, no: number): number {
  const name = MONTHS.get(word(bytes, end));
  if (name === undefined || separatorNumber(bytes[at]!) !== no) return -1;
  at++;
  momentFound.second = name.no;
  momentFound.third = number(bytes, end);
  if (digits < 1 || digits > 2) return -1;
  const shape = MOMENT | (YEAR_MONTH << 4) | (no << 7) | (name.form << 24);
  return rest(bytes, end, shape, digits === 1);
}

/** After the day, and what separates it from the month: `31 Jan 2026`. */
function dayMonth(
  bytes: Uint8Array,
  end: number,
  no: number,
  short: boolean,
  weekday: number,
  comma: boolean,
): number {
  const name = MONTHS.get(word(bytes, end));
  if (name === undefined) return -1;
  if (no > 0) {
    if (at >= end || separatorNumber(bytes[at]!) !== no) return -1;
    at++;
  }
  momentFound.second = name.no;
  momentFound.third = number(bytes, end);
  if (digits !== 2 && digits !== 4) return -1;
  const year = digits === 2 ? 1 << 10 : 0;
  const shape = MOMENT | (DAY_MONTH << 4) | (no << 7) | year | (name.form << 24) | (weekday << 26);
  return rest(bytes, end, shape | (comma ? 1 << 28 : 0), short);
}

/** A weekday or a month stands first. */
function namedStart(bytes: Uint8Array, end: number): number {
  let name = word(bytes, end);
  const day = DAYS.get(name);
  let comma = false;
  if (day !== undefined) {
    if (bytes[at] === 44) {
      comma = true;
      at++;
    }
    if (bytes[at] !== 32) return -1;
    at++;
    if (isDigit(bytes[at]!)) {
      momentFound.first = number(bytes, end);
      if (digits > 2) return -1;
      const no = at < end ? separatorNumber(bytes[at]!) : 0;
      if (no > 0) at++;
      return dayMonth(bytes, end, no, digits === 1, day.form === 1 ? 1 : 2, comma);
    }
    return -1;
  }
  const month = MONTHS.get(name);
  name = '';
  if (month === undefined || bytes[at] !== 32) return -1;
  at++;
  momentFound.first = month.no;
  momentFound.second = number(bytes, end);
  const short = digits === 1;
  if (digits < 1 || digits > 2) return -1;
  if (bytes[at] === 44) {
    comma = true;
    at++;
  }
  if (bytes[at] !== 32) return -1;
  at++;
  momentFound.third = number(bytes, end);
  if (digits !== 4) return -1;
  const shape = MOMENT | (MONTH_DAY << 4) | (month.form << 24) | (comma ? 1 << 28 : 0);
  return rest(bytes, end, shape, short);
}

/** Behind the date: nothing, or a time. */
function rest(bytes: Uint8Array, end: number, shape: number, short: boolean): number {
  const bits = shape | (short ? SHORT_BIT : 0);
  if (at === end) return bits;
  const byte = bytes[at++]!;
  let join: number;
  if (byte === 84) join = 1;
  else if (byte === 32) join = 2;
  else if (byte === 44 && bytes[at] === 32) {
    join = 3;
    at++;
  } else if (byte === 58) join = 4;
  else if (byte === 116) join = 5;
  else return -1;
  if (at >= end || !isDigit(bytes[at]!)) return -1;
  const hour = number(bytes, end);
  if (digits > 2 || at >= end || bytes[at] !== 58) return -1;
  return timePart(bytes, end, bits | (join << 15), hour, digits === 1);
}

/** From the colon behind the hour. */
function timePart(bytes: Uint8Array, end: number, shape: number, hour: number, short: boolean): number {
  at++;
  const minute = number(bytes, end);
  if (digits !== 2) return -1;
  let second = 0;
  let form = 1;
  if (at < end && bytes[at] === 58) {
    at++;
    second = number(bytes, end);
    if (digits !== 2) return -1;
    form = 2;
    if (at < end && bytes[at] === 46) {
      at++;
      const before = at;
      number(bytes, end);
      if (at === before) return -1;
      form = at - before <= 6 ? 3 : hasOnlyZeros(bytes, before + 6, at) ? 4 : 5;
    }
  }
  let bits = shape | (form << 12) | (short ? SHORT_BIT : 0);
  let space = at < end && bytes[at] === 32 ? 1 : 0;
  const letter = (bytes[at + space] ?? 0) | 32;
  const isHalf =
    at + space + 2 <= end && (letter === 97 || letter === 112) && (bytes[at + space + 1]! | 32) === 109;
  if (isHalf) {
    bits |= (space === 1 ? 1 : 2) << 18;
    at += space + 2;
    space = at < end && bytes[at] === 32 ? 1 : 0;
  }
  momentFound.timeExists = minute < 60 && second < 60 && (isHalf ? hour >= 1 && hour <= 12 : hour < 24);
  momentFound.clock = (hour * 60 + minute) * 60 + second;
  if (at === end) return bits;
  at += space;
  const zone = zoneForm(bytes, end);
  return zone === -1 ? -1 : bits | (zone << 20) | (space << 23);
}

function hasOnlyZeros(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 48) return false;
  return true;
}

function zoneForm(bytes: Uint8Array, end: number): number {
  const byte = bytes[at]!;
  const left = end - at;
  if ((byte === 90 || byte === 122) && left === 1) {
    at++;
    return ZONE_Z;
  }
  if (byte === 43 || byte === 45) {
    const digit = (offset: number) => isDigit(bytes[at + offset]!);
    if (left < 3 || !digit(1) || !digit(2)) return -1;
    if (left === 3)
      return moved(3, byte === 43 && bytes[at + 1] === 48 && bytes[at + 2] === 48 ? ZONE_ZERO : ZONE_HOURS);
    if (left === 5 && digit(3) && digit(4)) return moved(5, ZONE_PLAIN);
    return left === 6 && bytes[at + 3] === 58 && digit(4) && digit(5) ? moved(6, ZONE_COLON) : -1;
  }
  if (left !== 3) return -1;
  const text = String.fromCharCode(byte, bytes[at + 1]!, bytes[at + 2]!);
  return text === 'UTC' ? moved(3, ZONE_UTC) : text === 'GMT' ? moved(3, ZONE_GMT) : -1;
}

function moved(by: number, zone: number): number {
  at += by;
  return zone;
}

/** The digits from here on, as a number; how many there were is in `digits`. */
function number(bytes: Uint8Array, end: number): number {
  let value = 0;
  digits = 0;
  while (at < end && digits < 20) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
    digits++;
    at++;
  }
  return value;
}

/** The letters from here on, in lower case; empty when they are too many for a name. */
function word(bytes: Uint8Array, end: number): string {
  let text = '';
  while (at < end && text.length < 10) {
    const letter = bytes[at]! | 32;
    if (letter < 97 || letter > 122) break;
    text += String.fromCharCode(letter);
    at++;
  }
  return text;
}

function separatorNumber(byte: number): number {
  return byte === 45 ? 1 : byte === 47 ? 2 : byte === 46 ? 3 : byte === 32 ? 4 : 0;
}
