import { cellShape, nothingShape, STRONG } from './cell-shape.ts';
import { DistinctKeys, type SlotBudget } from './distinct-keys.ts';
import { FewValues } from './few-values.ts';
import { momentFound } from './moment-shapes.ts';
import { BLANK, detailOf, INTEGER, kindOf, MOMENT, NOTHING, TEXT } from './shapes.ts';

/** Examples that are kept of each shape. */
const EXAMPLES = 3;
/** Of a cell that is shown. */
const EXAMPLE_BYTES = 60;
/** A column with more shapes than this is text, and its texts are looked at no further. */
const MOST_SHAPES = 48;
/** So many texts, and more than one in a hundred, make a column text for good: its cells get no closer look. */
const MOST_TEXTS = 64;
const MOST_TEXT_SHARE = 0.01;

export interface Example {
  readonly bytes: Buffer;
  readonly line: number;
}

/** What is known of the cells of one shape. */
export class ShapeCount {
  rows = 0;
  readonly examples: Example[] = [];
  /** Of dates with the year last: rows whose first part can be a day, whose second can, and whose days then exist. */
  dayFirst = 0;
  monthFirst = 0;
  dayFirstExists = 0;
  monthFirstExists = 0;
  /** Of those with two digits of the year: the year may be first. */
  yearFirstExists = 0;
  /** Moments whose hour, minute and second exist. */
  timeExists = 0;
  /** A moment that does not exist in any reading. */
  readonly faults: Example[] = [];
}

/** What is known of a column's cells, once all of them went by. Memory does not grow with the file. */
export class Column {
  readonly shapes = new Map<number, ShapeCount>();
  rows = 0;
  empty = 0;
  /** Of all values but those that say that there is none: */
  minBytes = Number.POSITIVE_INFINITY;
  maxBytes = 0;
  minCharacters = Number.POSITIVE_INFINITY;
  maxCharacters = 0;
  /** Of blanks and of words such as "-", which are values in a text and none elsewhere. */
  readonly #odd = {
    minBytes: Number.POSITIVE_INFINITY,
    maxBytes: 0,
    minCharacters: Number.POSITIVE_INFINITY,
    maxCharacters: 0,
  };
  /** Of plain integers that doubles hold; and of dates as numbers, `20260131`. */
  minimum = Number.POSITIVE_INFINITY;
  maximum = Number.NEGATIVE_INFINITY;
  /** Eight digits are a date in every integer so far. */
  compactDates = true;
  /** Each value is larger than the one before. */
  rising = true;
  /** How often a date is before the one above it, if the day or the month is first. */
  dayFirstFalls = 0;
  monthFirstFalls = 0;
  firstDuplicate: Example | null = null;
  keys: DistinctKeys | null;
  readonly few = new FewValues();

  #isFew = true;
  #isText = false;
  #texts = 0;
  #lastShape = -1;
  #lastCount: ShapeCount = new ShapeCount();
  #last = Number.NEGATIVE_INFINITY;
  #lastDayFirst = 0;
  #lastMonthFirst = 0;

  constructor(budget: SlotBudget) {
    this.keys = new DistinctKeys(budget);
  }

  /** The cell is bytes [start, end) without quotes, in any encoding in which ASCII is ASCII. */
  add(bytes: Uint8Array, start: number, end: number, line: number, ascii: boolean): void {
    this.rows++;
    if (start === end) {
      this.empty++;
      return;
    }
    let shape: number;
    if (this.#isText) {
      shape = nothingShape(bytes, start, end);
      // In a text only what is surely no value counts as none.
      if (shape !== TEXT && detailOf(shape) >= STRONG) this.#count(shape, bytes, start, end, line);
      if (shape !== TEXT && detailOf(shape) >= STRONG) shape = TEXT;
      else this.#count(shape, bytes, start, end, line);
    } else {
      shape = this.#lastShape === INTEGER ? this.#plainInteger(bytes, start, end) : -1;
      if (shape === -1) shape = cellShape(bytes, start, end);
      else this.#range(this.#value);
      const count = this.#count(shape, bytes, start, end, line);
      const found = kindOf(shape);
      if (found === MOMENT) this.#moment(count, bytes, start, end, line);
      else if (found === TEXT) this.#text();
      else if (found === INTEGER && Number.isNaN(this.#value)) this.#integer(bytes, start, end);
      this.#value = Number.NaN;
    }
    const kind = kindOf(shape);
    if (kind === NOTHING || kind === BLANK) {
      if (kind === BLANK || detailOf(shape) >= STRONG) this.#oddLength(bytes, start, end);
      return;
    }
    const length = end - start;
    if (length < this.minBytes) this.minBytes = length;
    if (length > this.maxBytes) this.maxBytes = length;
    if (!ascii) this.#characters(bytes, start, end);
    if (this.#isFew || this.keys !== null) this.#distinct(bytes, start, end, line);
  }

  /** The shortest and the longest of a text's values, in characters of UTF-8 or else in bytes. */
  textLengths(utf8: boolean): readonly [least: number, most: number] {
    const odd = this.#odd;
    return utf8
      ? [Math.min(this.minCharacters, odd.minCharacters), Math.max(this.maxCharacters, odd.maxCharacters)]
      : [Math.min(this.minBytes, odd.minBytes), Math.max(this.maxBytes, odd.maxBytes)];
  }

  /** To be called once all cells went by. */
  end(): void {
    if (this.minCharacters > this.minBytes) this.minCharacters = this.minBytes;
    if (this.maxCharacters === 0) this.maxCharacters = this.maxBytes;
  }

  /** NaN: not read yet. */
  #value = Number.NaN;

  /** The quick way for what is commonest: a sign and at most 15 digits, the first not 0. */
  #plainInteger(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    const minus = bytes[at] === 45;
    if (minus) at++;
    const digits = end - at;
    if (digits < 1 || digits > 15 || (bytes[at] === 48 && (digits > 1 || minus))) return -1;
    let value = 0;
    for (; at < end; at++) {
      const digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9) return -1;
      value = value * 10 + digit;
    }
    this.#value = minus ? -value : value;
    return INTEGER;
  }

  #integer(bytes: Uint8Array, start: number, end: number): void {
    let value = 0;
    let minus = false;
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === 45) minus = true;
      else if (byte >= 48 && byte <= 57) value = value * 10 + (byte - 48);
    }
    this.#range(minus ? -value : value);
  }

  #range(value: number): void {
    if (value < this.minimum) this.minimum = value;
    if (value > this.maximum) this.maximum = value;
    if (value <= this.#last) this.rising = false;
    this.#last = value;
    if (this.compactDates) this.compactDates = isCompactDate(value);
  }

  #count(shape: number, bytes: Uint8Array, start: number, end: number, line: number): ShapeCount {
    let count = this.#lastCount;
    if (shape !== this.#lastShape) {
      let known = this.shapes.get(shape);
      if (known === undefined) {
        if (this.shapes.size >= MOST_SHAPES) {
          this.#isText = true;
          known = this.shapes.get(TEXT) ?? new ShapeCount();
          this.shapes.set(TEXT, known);
        } else {
          known = new ShapeCount();
          this.shapes.set(shape, known);
        }
      }
      count = known;
      this.#lastShape = shape;
      this.#lastCount = count;
    }
    count.rows++;
    if (count.examples.length < EXAMPLES) count.examples.push(exampleOf(bytes, start, end, line));
    return count;
  }

  #text(): void {
    this.#texts++;
    if (this.#texts > MOST_TEXTS && this.#texts > this.rows * MOST_TEXT_SHARE) this.#isText = true;
  }

  #moment(count: ShapeCount, bytes: Uint8Array, start: number, end: number, line: number): void {
    const { first, second, third, clock, timeExists } = momentFound;
    if (timeExists) count.timeExists++;
    const form = (this.#lastShape >>> 4) & 7;
    if (form === 0) {
      if (!timeExists) keepFault(count, bytes, start, end, line);
      return;
    }
    let year = third;
    let day = first;
    let month = second;
    if (form === 1 || form === 3 || form === 6) {
      year = first;
      day = third;
    } else if (form === 5) {
      month = first;
      day = second;
    }
    let existsYear = false;
    if (((this.#lastShape >>> 10) & 1) === 1) {
      year += year < 69 ? 2000 : 1900;
      existsYear =
        timeExists && second >= 1 && second <= 12 && third >= 1 && exists(2000 + first, second, third);
      if (existsYear) count.yearFirstExists++;
    }
    const isDay = day >= 1 && day <= 31 && month >= 1 && month <= 12;
    const isMonth = form === 2 && day >= 1 && day <= 12 && month >= 1 && month <= 31;
    const existsDay = isDay && exists(year, month, day);
    const existsMonth = isMonth && exists(year, day, month);
    if (isDay) count.dayFirst++;
    if (isMonth) count.monthFirst++;
    if (existsDay && timeExists) count.dayFirstExists++;
    if (existsMonth && timeExists) count.monthFirstExists++;
    if (!timeExists || !(existsDay || existsMonth || existsYear)) keepFault(count, bytes, start, end, line);
    const dayFirst = ((year * 100 + month) * 100 + day) * 100_000 + clock;
    const monthFirst = ((year * 100 + day) * 100 + month) * 100_000 + clock;
    if (dayFirst < this.#lastDayFirst) this.dayFirstFalls++;
    if (monthFirst < this.#lastMonthFirst) this.monthFirstFalls++;
    this.#lastDayFirst = dayFirst;
    this.#lastMonthFirst = monthFirst;
  }

  #oddLength(bytes: Uint8Array, start: number, end: number): void {
    const odd = this.#odd;
    const characters = charactersOf(bytes, start, end);
    odd.minBytes = Math.min(odd.minBytes, end - start);
    odd.maxBytes = Math.max(odd.maxBytes, end - start);
    odd.minCharacters = Math.min(odd.minCharacters, characters);
    odd.maxCharacters = Math.max(odd.maxCharacters, characters);
  }

  #characters(bytes: Uint8Array, start: number, end: number): void {
    const characters = charactersOf(bytes, start, end);
    if (characters < this.minCharacters) this.minCharacters = characters;
    if (characters > this.maxCharacters) this.maxCharacters = characters;
  }

  #distinct(bytes: Uint8Array, start: number, end: number, line: number): void {
    const padded = bytes[start] === 32 || bytes[end - 1] === 32;
    const low = hashCell(bytes, start, end);
    const high = hashed.high;
    // Spaces around a key do not tell it from another; of a list they would.
    if (padded) this.#isFew = this.few.giveUp();
    if (this.#isFew) this.#isFew = this.few.add(low, high, bytes, start, end);
    if (this.keys === null || this.keys.add(low, high)) return;
    this.firstDuplicate = exampleOf(bytes, start, end, line);
    this.keys.release();
    this.keys = null;
  }
}

/** Characters of UTF-8; of another encoding the bytes are the characters. */
function charactersOf(bytes: Uint8Array, start: number, end: number): number {
  let characters = 0;
  for (let i = start; i < end; i++) if ((bytes[i]! & 0xc0) !== 0x80) characters++;
  return characters;
}

export function exampleOf(bytes: Uint8Array, start: number, end: number, line: number): Example {
  return { bytes: Buffer.from(bytes.subarray(start, Math.min(end, start + EXAMPLE_BYTES))), line };
}

/** The second half of the last hash. */
export const hashed = { high: 0 };

/** Two independent hashes of a cell's bytes, without spaces around them. @returns the first */
export function hashCell(bytes: Uint8Array, start: number, end: number): number {
  let low = 0x811c9dc5 | 0;
  let high = 0x2545f491 | 0;
  let from = start;
  let to = end;
  while (from < to && bytes[from] === 32) from++;
  while (to > from && bytes[to - 1] === 32) to--;
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!;
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high + byte, 0x5bd1e995) ^ (high >>> 13);
  }
  hashed.high = high ^ (high >>> 15);
  return low ^ (low >>> 16);
}

function keepFault(count: ShapeCount, bytes: Uint8Array, start: number, end: number, line: number): void {
  if (count.faults.length < EXAMPLES) count.faults.push(exampleOf(bytes, start, end, line));
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function exists(year: number, month: number, day: number): boolean {
  if (year < 1 || year > 9999) return false;
  if (day <= 28) return true;
  if (month === 2 && day === 29) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= MONTH_DAYS[month - 1]!;
}

function isCompactDate(value: number): boolean {
  if (value < 19_000_101 || value > 20_991_231) return false;
  const month = Math.floor(value / 100) % 100;
  const day = value % 100;
  return month >= 1 && month <= 12 && day >= 1 && exists(Math.floor(value / 10_000), month, day);
}
