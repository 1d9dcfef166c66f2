import { DECIMAL, INTEGER, kindOf, LONG_INTEGER, ZERO_INTEGER } from './shapes.ts';

/** Separators, as the details of a shape number them; 0 is none. */
export const COMMA = 1;
export const POINT = 2;
export const SPACE = 3;
export const NO_BREAK_SPACE = 4;
export const NARROW_SPACE = 5;
const APOSTROPHE = 6;
const CURLY_APOSTROPHE = 7;

export const SEPARATORS: readonly string[] = ['', ',', '.', ' ', '\u00a0', '\u202f', "'", '\u2019'];

/** One separator before exactly three digits: it may part groups or decimals. */
export const AMBIGUOUS = 1 << 10;
export const EXPONENT = 1 << 11;
/** `12E5`: an exponent without a point or sign, as codes have it by chance. */
export const BARE_EXPONENT = 1 << 12;
export const PLUS = 1 << 13;
/** `01.5`: the zero in front says nothing of a number. */
export const LEADING_ZERO = 1 << 15;

export function decimalSeparator(shape: number): number {
  return (shape >>> 4) & 7;
}

export function groupSeparator(shape: number): number {
  return (shape >>> 7) & 7;
}

/** What stands around the number, as `affixText` has it; 0 is nothing. */
export function affixOf(shape: number): number {
  return (shape >>> 16) & 63;
}

/** What the last call found. */
export const numberFound = {
  /** Where the number ends. */
  end: 0,
  /** Digits before the first separator. */
  digits: 0,
};

const SURE_DIGITS = 18;

/**
 * The shape of the number that begins at `start`; -1 where none does. It ends at `numberFound.end`, which may be before
 * `end`: what follows is not its business.
 */
export function numberShape(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  let plus = 0;
  const sign = bytes[at];
  if (sign === 45) at++;
  else if (sign === 43) {
    plus = PLUS;
    at++;
  }
  const first = at;
  while (at < end && isDigit(bytes[at]!)) at++;
  const firstRun = at - first;
  numberFound.digits = firstRun;
  numberFound.end = at;
  if (at === end || !canFollow(bytes[at]!)) {
    return firstRun === 0 ? -1 : integerShape(bytes, first, firstRun, sign === 45) | plus;
  }
  return separated(bytes, first, firstRun, end, plus, sign === 45);
}

function canFollow(byte: number): boolean {
  // , . space NBSP (one or two bytes) narrow NBSP and ’ (E2 80 ..) ' ’ (windows-1252) e E
  return (
    byte === 44 ||
    byte === 46 ||
    byte === 32 ||
    byte === 0xa0 ||
    byte === 0xc2 ||
    byte === 0xe2 ||
    byte === 39 ||
    byte === 0x92 ||
    byte === 101 ||
    byte === 69
  );
}

function separated(
  bytes: Uint8Array,
  first: number,
  firstRun: number,
  end: number,
  plus: number,
  minus: boolean,
): number {
  let at = first + firstRun;
  let separators = 0;
  let group = 0;
  let last = 0;
  let lastRun = 0;
  let regular = true;
  let indian = true;
  let mixed = false;
  while (at < end) {
    const separator = separatorAt(bytes, at, end);
    if (separator === 0) break;
    const next = at + widthOf(bytes[at]!);
    let stop = next;
    while (stop < end && isDigit(bytes[stop]!)) stop++;
    if (stop === next) {
      // `12.` is a number; what else ends so is none that goes on here.
      if (separator !== POINT || stop !== end || separators > 0 || firstRun === 0) break;
    }
    if (separators > 0) {
      if (last !== group) mixed = true;
      if (lastRun !== 3) regular = false;
      if (lastRun !== 2) indian = false;
    } else group = separator;
    separators++;
    last = separator;
    lastRun = stop - next;
    at = stop;
  }
  numberFound.end = at;
  if (separators === 0 && firstRun === 0) return -1;
  const zero = firstRun > 1 && bytes[first] === 48 ? LEADING_ZERO : 0;
  let shape: number;
  if (separators === 0) shape = integerShape(bytes, first, firstRun, minus);
  else shape = shapeOf(bytes, first, firstRun, { separators, group, last, lastRun, regular, indian, mixed });
  if (shape === -1) return -1;
  if (at < end && (bytes[at]! | 32) === 101) {
    const exponent = exponentEnd(bytes, at, end);
    if (exponent > at && groupSeparator(shape) === 0) {
      const bare = separators === 0 && isDigit(bytes[at + 1]!) ? BARE_EXPONENT : 0;
      numberFound.end = exponent;
      shape = DECIMAL | (decimalSeparator(shape) << 4) | EXPONENT | bare;
    }
  }
  return shape | plus | (kindOf(shape) === DECIMAL ? zero : 0);
}

interface Runs {
  readonly separators: number;
  readonly group: number;
  readonly last: number;
  readonly lastRun: number;
  readonly regular: boolean;
  readonly indian: boolean;
  readonly mixed: boolean;
}

function shapeOf(bytes: Uint8Array, first: number, firstRun: number, runs: Runs): number {
  const { separators, group, last, lastRun, regular, indian, mixed } = runs;
  const canGroup = firstRun >= 1 && firstRun <= 3 && bytes[first] !== 48;
  if (separators === 1) {
    if (last === COMMA || last === POINT) {
      return DECIMAL | (last << 4) | (canGroup && lastRun === 3 ? AMBIGUOUS : 0);
    }
    return canGroup && lastRun === 3 ? DECIMAL | (last << 7) : -1;
  }
  if (!canGroup || mixed) return -1;
  if (last === group) {
    // Four groups with points are an address of the internet.
    if (group === POINT && separators === 3) return -1;
    return lastRun === 3 && (regular || (indian && group === COMMA)) ? DECIMAL | (group << 7) : -1;
  }
  if (last !== COMMA && last !== POINT) return -1;
  return regular || (group === COMMA && endsInThree(bytes, first, firstRun, separators))
    ? DECIMAL | (last << 4) | (group << 7)
    : -1;
}

/** Lakhs and crores, `12,34,567.80`: groups of two, and three before the point. */
function endsInThree(bytes: Uint8Array, first: number, firstRun: number, separators: number): boolean {
  let at = first + firstRun;
  for (let group = 1; group < separators; group++) {
    let run = 0;
    at++;
    while (isDigit(bytes[at + run]!)) run++;
    if (run !== (group === separators - 1 ? 3 : 2)) return false;
    at += run;
  }
  return true;
}

function integerShape(bytes: Uint8Array, first: number, digits: number, minus: boolean): number {
  if (bytes[first] === 48 && (digits > 1 || minus)) return ZERO_INTEGER;
  return digits > SURE_DIGITS ? LONG_INTEGER : INTEGER;
}

function separatorAt(bytes: Uint8Array, at: number, end: number): number {
  switch (bytes[at]) {
    case 44:
      return COMMA;
    case 46:
      return POINT;
    case 32:
      return SPACE;
    case 39:
      return APOSTROPHE;
    case 0x92:
      return CURLY_APOSTROPHE;
    case 0xa0:
      return NO_BREAK_SPACE;
    case 0xc2:
      return at + 1 < end && bytes[at + 1] === 0xa0 ? NO_BREAK_SPACE : 0;
    case 0xe2:
      if (at + 2 >= end || bytes[at + 1] !== 0x80) return 0;
      return bytes[at + 2] === 0xaf ? NARROW_SPACE : bytes[at + 2] === 0x99 ? CURLY_APOSTROPHE : 0;
    default:
      return 0;
  }
}

function widthOf(byte: number): number {
  return byte === 0xc2 ? 2 : byte === 0xe2 ? 3 : 1;
}

/** @returns where the exponent ends; `at` where there is none */
function exponentEnd(bytes: Uint8Array, at: number, end: number): number {
  let stop = at + 1;
  if (bytes[stop] === 43 || bytes[stop] === 45) stop++;
  const digits = stop;
  while (stop < end && isDigit(bytes[stop]!)) stop++;
  return stop > digits && stop - digits <= 3 ? stop : at;
}

export function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

const AFFIXES: string[] = [''];
const AFFIX_IDS = new Map<string, number>([['', 0]]);
const MOST_AFFIXES = 63;

/** Currencies and per cent, as they stand before or after a number; in UTF-8 and in windows-1252. */
const SYMBOLS: ReadonlyMap<string, string> = new Map(
  [
    ...['$', '\u20ac', '\u00a3', '\u00a5', '%', '\u2030', '\u20b9', '\u20bd', '\u20a9', '\u20ba', '\u20b4'],
    ...[
      'US$',
      'R$',
      'A$',
      'C$',
      'CHF',
      'EUR',
      'USD',
      'GBP',
      'JPY',
      'SEK',
      'NOK',
      'DKK',
      'PLN',
      'CZK',
      'HUF',
      'CAD',
    ],
    ...[
      'AUD',
      'NZD',
      'INR',
      'BRL',
      'MXN',
      'CNY',
      'TRY',
      'ZAR',
      'Fr.',
      'kr',
      'kr.',
      'z\u0142',
      'K\u010d',
      'Ft',
      'Rs.',
    ],
  ].flatMap((text): [string, string][] => {
    const utf8 = Buffer.from(text).toString('latin1');
    const single = { '\u20ac': '\x80', '\u00a3': '\xa3', '\u00a5': '\xa5', '\u2030': '\x89' }[text];
    return single === undefined
      ? [[utf8, text]]
      : [
          [utf8, text],
          [single, text],
        ];
  }),
);
const MOST_SYMBOL_BYTES = 4;

/**
 * The shape of a number with a currency or per cent sign before or after it; -1 where it is something else. A minus
 * sign before the symbol, and one after the number, are not taken: their number would lose it.
 */
export function affixedShape(bytes: Uint8Array, start: number, end: number): number {
  let from = start;
  let prefix = '';
  const first = bytes[from]!;
  if (!isDigit(first) && first !== 45 && first !== 43) {
    while (from < end && from - start <= MOST_SYMBOL_BYTES && !isNumberStart(bytes[from]!)) from++;
    if (from === end || from === start) return -1;
    let stop = from;
    while (stop > start && isSpace(bytes, stop)) stop = before(bytes, stop);
    prefix = SYMBOLS.get(latin1(bytes, start, stop)) ?? '';
    if (prefix === '') return -1;
  }
  const shape = numberShape(bytes, from, end);
  if (shape === -1) return -1;
  let at = numberFound.end;
  let suffix = '';
  if (at < end) {
    if (prefix !== '') return -1;
    while (at < end && isSpaceAt(bytes, at)) at += widthOf(bytes[at]!);
    if (end - at > MOST_SYMBOL_BYTES) return -1;
    suffix = SYMBOLS.get(latin1(bytes, at, end)) ?? '';
    if (suffix === '') return -1;
  }
  return shape | (affixId(prefix === '' ? ` ${suffix}` : `${prefix} `) << 16);
}

/** `$ ` stands before the number, ` %` behind it. */
export function affixText(affix: number): string {
  return AFFIXES[affix]!;
}

function affixId(text: string): number {
  let id = AFFIX_IDS.get(text);
  if (id === undefined) {
    // There are fewer symbols than numbers for them, so that this holds; see SYMBOLS.
    id = Math.min(AFFIXES.length, MOST_AFFIXES);
    AFFIXES[id] = text;
    AFFIX_IDS.set(text, id);
  }
  return id;
}

function isNumberStart(byte: number): boolean {
  return isDigit(byte) || byte === 45;
}

function isSpaceAt(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 32 ||
    bytes[at] === 0xa0 ||
    (bytes[at] === 0xc2 && bytes[at + 1] === 0xa0) ||
    (bytes[at] === 0xe2 && bytes[at + 1] === 0x80 && bytes[at + 2] === 0xaf)
  );
}

function isSpace(bytes: Uint8Array, stop: number): boolean {
  return before(bytes, stop) !== stop;
}

/** The place before the space that ends at `stop`; `stop` where none does. */
function before(bytes: Uint8Array, stop: number): number {
  if (bytes[stop - 1] === 32) return stop - 1;
  if (bytes[stop - 1] === 0xa0) return bytes[stop - 2] === 0xc2 ? stop - 2 : stop - 1;
  const narrow = bytes[stop - 1] === 0xaf && bytes[stop - 2] === 0x80 && bytes[stop - 3] === 0xe2;
  return narrow ? stop - 3 : stop;
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}
