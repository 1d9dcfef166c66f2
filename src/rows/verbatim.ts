import type { Field } from '../types.ts';
import { isDate } from './calendar.ts';
import { booleanTexts } from './cast-boolean.ts';

/** See `CompiledField.verbatim`. */
export type Verbatim = (bytes: Uint8Array, start: number, end: number) => boolean;

const never: Verbatim = () => false;
const encoder = new TextEncoder();

/** Doubles hold every integer of 15 digits, and a decimal of so many digits apart from its neighbours. */
const DOUBLE_DIGITS = 15;

/**
 * The quick "surely good" of a field: looks at bytes only and makes no string. Where a rule can not be told
 * from the bytes alone the answer is false, and `check` decides.
 * @param maxBytes the most bytes the value may have (a key's limit)
 */
export function verbatimOf(field: Field, maxBytes: number): Verbatim {
  const { constraints } = field;
  if (constraints.enum || constraints.pattern !== undefined || field.constant !== undefined) return never;
  const shape = field.trim ? solid(shapeOf(field)) : shapeOf(field);
  if (shape === never) return never;
  const missing = field.missingValues.filter((text) => text !== '').map((text) => encoder.encode(text));
  const emptyIsMissing = field.missingValues.includes('');
  // The common table: only the empty cell is missing, and no shape but a string's takes an empty cell.
  const text = field.type === 'string' || field.type === 'any';
  if (missing.length === 0 && !(emptyIsMissing && text) && maxBytes === Number.POSITIVE_INFINITY)
    return shape;
  return (bytes, start, end) =>
    (start !== end || !emptyIsMissing) &&
    end - start <= maxBytes &&
    !equalsAny(missing, bytes, start, end) &&
    shape(bytes, start, end);
}

/** Bytes with which a character of white space may begin or end: ASCII's, and those of longer characters. */
const isEdge = (byte: number) => byte <= 32 || byte > 126;

/** What surely has no white space at its edges. */
function solid(shape: Verbatim): Verbatim {
  if (shape === never) return never;
  return (bytes, start, end) =>
    start < end && !isEdge(bytes[start]!) && !isEdge(bytes[end - 1]!) && shape(bytes, start, end);
}

/** Whether a field has no rule but its type's, and no missing value but the empty cell. */
export function isFree(field: Field, maxBytes: number): boolean {
  const { required, unique, ...rules } = field.constraints;
  return (
    maxBytes === Number.POSITIVE_INFINITY &&
    field.format === 'default' &&
    !field.trim &&
    field.constant === undefined &&
    (field.type !== 'integer' || isPlainNumber(field)) &&
    Object.values(rules).every((rule) => rule === undefined) &&
    field.missingValues.every((text) => text === '')
  );
}

function shapeOf(field: Field): Verbatim {
  switch (field.type) {
    case 'string':
      return field.format === 'default' ? stringShape(field) : never;
    case 'any':
      return stringShape(field);
    case 'integer':
      return isPlainNumber(field) ? integerShape(field) : never;
    case 'number':
      return isPlainNumber(field) ? numberShape(field) : never;
    case 'boolean':
      return booleanShape(field);
    case 'date':
      return field.format === 'default' ? dateShape(field) : never;
    case 'datetime':
      return field.format === 'default' && !hasBounds(field) ? datetimeShape : never;
    case 'time':
      return field.format === 'default' && !hasBounds(field) ? timeShape : never;
  }
}

// ---------------------------------------------------------------- text

/** Nothing that COPY text escapes, and a NUL is no text at all. */
function isPlainByte(byte: number): boolean {
  return byte > 13 ? byte !== 92 : byte !== 9 && byte !== 10 && byte !== 13 && byte !== 0;
}

function stringShape({ constraints }: Field): Verbatim {
  const { minLength, maxLength } = constraints;
  if (minLength === undefined && maxLength === undefined) {
    return (bytes, start, end) => {
      for (let at = start; at < end; at++) if (!isPlainByte(bytes[at]!)) return false;
      return true;
    };
  }
  const least = minLength ?? 0;
  const most = maxLength ?? Number.POSITIVE_INFINITY;
  return (bytes, start, end) => {
    let characters = 0;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      if (!isPlainByte(byte)) return false;
      if ((byte & 0xc0) !== 0x80) characters++;
    }
    return characters >= least && characters <= most;
  };
}

function booleanShape(field: Field): Verbatim {
  const same = [...booleanTexts(field)].filter(([cell, text]) => cell === text && isPlainText(cell));
  const cells = same.map(([cell]) => encoder.encode(cell));
  return (bytes, start, end) => equalsAny(cells, bytes, start, end);
}

function isPlainText(text: string): boolean {
  return encoder.encode(text).every(isPlainByte);
}

function equalsAny(texts: readonly Uint8Array[], bytes: Uint8Array, start: number, end: number): boolean {
  next: for (const text of texts) {
    if (text.length !== end - start) continue;
    for (let at = 0; at < text.length; at++) if (text[at] !== bytes[start + at]) continue next;
    return true;
  }
  return false;
}

// ---------------------------------------------------------------- numbers

function isPlainNumber(field: Field): boolean {
  return field.bareNumber !== false && !field.groupChar && (field.decimalChar ?? '.') === '.';
}

function hasBounds({ constraints: c }: Field): boolean {
  return [c.minimum, c.maximum, c.exclusiveMinimum, c.exclusiveMaximum].some((bound) => bound !== undefined);
}

/** The bounds as doubles. Strictly between them a double proves the value between them: rounding keeps order. */
function openRange({ constraints: c }: Field): readonly [number, number] {
  const bound = (text: string | undefined, otherwise: number) =>
    text === undefined ? otherwise : Number(text);
  return [
    Math.max(bound(c.minimum, Number.NEGATIVE_INFINITY), bound(c.exclusiveMinimum, Number.NEGATIVE_INFINITY)),
    Math.min(bound(c.maximum, Number.POSITIVE_INFINITY), bound(c.exclusiveMaximum, Number.POSITIVE_INFINITY)),
  ];
}

function integerShape(field: Field): Verbatim {
  const [low, high] = openRange(field);
  const maxDigits = hasBounds(field) ? DOUBLE_DIGITS : 17;
  return (bytes, start, end) => {
    const negative = bytes[start] === 45;
    const first = negative ? start + 1 : start;
    const digits = end - first;
    if (digits < 1 || digits > maxDigits) return false;
    let value = 0;
    for (let at = first; at < end; at++) {
      const digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9) return false;
      value = value * 10 + digit;
    }
    if (negative) value = -value;
    return value > low && value < high;
  };
}

function numberShape(field: Field): Verbatim {
  const [low, high] = openRange(field);
  const maxDigits = hasBounds(field) ? DOUBLE_DIGITS : 1000;
  return (bytes, start, end) => {
    const negative = bytes[start] === 45;
    const first = negative ? start + 1 : start;
    if (end - first > maxDigits) return false;
    let value = 0;
    let digits = 0;
    let scale = -1;
    for (let at = first; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === 46 && scale < 0) scale = 0;
      else if (byte >= 48 && byte <= 57) {
        value = value * 10 + byte - 48;
        digits++;
        if (scale >= 0) scale++;
      } else return false;
    }
    if (digits === 0) return false;
    if (maxDigits !== DOUBLE_DIGITS) return true;
    // Mantissa and power of ten are both exact, so that the quotient is the decimal's nearest double.
    if (scale > 0) value /= 10 ** scale;
    if (negative) value = -value;
    return value > low && value < high;
  };
}

// ---------------------------------------------------------------- dates and times

/** -1 where a byte is not a digit. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 48;
  const ones = bytes[at + 1]! - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

function isDateAt(bytes: Uint8Array, at: number): boolean {
  const century = twoDigits(bytes, at);
  const year = twoDigits(bytes, at + 2);
  if (century < 0 || year < 0 || bytes[at + 4] !== 45 || bytes[at + 7] !== 45) return false;
  return isDate(century * 100 + year, twoDigits(bytes, at + 5), twoDigits(bytes, at + 8));
}

function isTimeAt(bytes: Uint8Array, at: number): boolean {
  if (bytes[at + 2] !== 58 || bytes[at + 5] !== 58) return false;
  const hour = twoDigits(bytes, at);
  const minute = twoDigits(bytes, at + 3);
  const second = twoDigits(bytes, at + 6);
  return hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60;
}

function dateShape(field: Field): Verbatim {
  if (!hasBounds(field)) return (bytes, start, end) => end - start === 10 && isDateAt(bytes, start);
  const asNumber = (bound: string | undefined) => bound?.replaceAll('-', '');
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = field.constraints;
  const [low, high] = openRange({
    ...field,
    constraints: {
      minimum: asNumber(minimum),
      maximum: asNumber(maximum),
      exclusiveMinimum: asNumber(exclusiveMinimum),
      exclusiveMaximum: asNumber(exclusiveMaximum),
    },
  });
  return (bytes, start, end) => {
    if (end - start !== 10 || !isDateAt(bytes, start)) return false;
    const year = twoDigits(bytes, start) * 100 + twoDigits(bytes, start + 2);
    const value = year * 10_000 + twoDigits(bytes, start + 5) * 100 + twoDigits(bytes, start + 8);
    return value > low && value < high;
  };
}

/** `YYYY-MM-DDThh:mm:ssZ`. Without the Z PostgreSQL would read it in the session's time zone: `check` adds it. */
export const datetimeShape: Verbatim = (bytes, start, end) =>
  end - start === 20 &&
  bytes[start + 10] === 84 &&
  bytes[start + 19] === 90 &&
  isDateAt(bytes, start) &&
  isTimeAt(bytes, start + 11);

const timeShape: Verbatim = (bytes, start, end) => end - start === 8 && isTimeAt(bytes, start);
