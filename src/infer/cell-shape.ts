import { momentShape } from './moment-shapes.ts';
import { affixedShape, isDigit, numberFound, numberShape } from './number-shapes.ts';
import { BLANK, INFINITE, NOTHING, PADDED, TEXT, UUID } from './shapes.ts';
import { NULL_WORDS, WEAK_NULL_WORDS } from './words.ts';

/** By the number that the details of `NOTHING` have: the word. Those below `STRONG` mean it in a text as well. */
const NOTHING_WORDS: readonly string[] = [...NULL_WORDS, ...WEAK_NULL_WORDS];
export const STRONG = NULL_WORDS.length;

/** As bytes: in UTF-8, and where the two differ in windows-1252. */
const WORD_IDS = new Map<string, number>(
  NOTHING_WORDS.flatMap((word, id): [string, number][] => [
    [Buffer.from(word).toString('latin1'), id],
    [word.replace('\u2013', '\x96').replace('\u2014', '\x97'), id],
  ]),
);
const LONGEST_WORD = Math.max(...[...WORD_IDS.keys()].map((word) => word.length));
const FIRST_BYTES = new Uint8Array(256);
for (const word of WORD_IDS.keys()) FIRST_BYTES[word.charCodeAt(0)] = 1;

/** Nothing that is longer is a number or a moment. */
const LONGEST = 80;
const MOST_BLANKS = 63;
const SPACE = 32;
const TAB = 9;

/** The shape of a word that says that there is no value; TEXT where the cell is none. */
export function nothingShape(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > LONGEST_WORD || FIRST_BYTES[bytes[start]!] === 0) return TEXT;
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!);
  const id = WORD_IDS.get(text);
  return id === undefined ? TEXT : NOTHING | (id << 4);
}

/** The shape of a cell that is not empty. */
export function cellShape(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > LONGEST) return isBlank(bytes, start, end) ? BLANK | (MOST_BLANKS << 4) : TEXT;
  let from = start;
  let to = end;
  while (from < to && (bytes[from] === SPACE || bytes[from] === TAB)) from++;
  if (from === to) return BLANK | (Math.min(end - start, MOST_BLANKS) << 4);
  while (bytes[to - 1] === SPACE || bytes[to - 1] === TAB) to--;
  const padded = from !== start || to !== end;
  const first = bytes[from]!;
  if (isDigit(first) || ((first === 45 || first === 43 || first === 46 || first === 44) && to - from > 1)) {
    const shape = numericShape(bytes, from, to, padded);
    if (shape !== TEXT) return shape;
  }
  if (FIRST_BYTES[first] === 1) {
    const shape = nothingShape(bytes, start, end);
    if (shape !== TEXT) return shape;
  }
  return wordShape(bytes, from, to, padded);
}

function numericShape(bytes: Uint8Array, from: number, to: number, padded: boolean): number {
  const pad = padded ? PADDED : 0;
  const number = numberShape(bytes, from, to);
  if (number !== -1 && numberFound.end === to) return number | pad;
  if (padded || !isDigit(bytes[from]!)) {
    const affixed = number === -1 ? -1 : affixedShape(bytes, from, to);
    if (affixed !== -1) return affixed | pad;
    return isUuid(bytes, from, to) && !padded ? UUID : isInfinite(bytes, from, to) ? INFINITE : TEXT;
  }
  const moment = momentShape(bytes, from, to);
  if (moment !== -1) return moment;
  const affixed = number === -1 ? -1 : affixedShape(bytes, from, to);
  if (affixed !== -1) return affixed;
  return isUuid(bytes, from, to) ? UUID : TEXT;
}

/** Of what begins with a letter or a sign: a month, a currency, infinity. */
function wordShape(bytes: Uint8Array, from: number, to: number, padded: boolean): number {
  const pad = padded ? PADDED : 0;
  const first = bytes[from]!;
  const last = bytes[to - 1]!;
  if (!padded) {
    if (isLetter(first)) {
      const moment = momentShape(bytes, from, to);
      if (moment !== -1) return moment;
      if (isUuid(bytes, from, to)) return UUID;
    }
  }
  if (isInfinite(bytes, from, to)) return INFINITE;
  if (!isDigit(last)) return TEXT;
  const affixed = affixedShape(bytes, from, to);
  return affixed === -1 ? TEXT : affixed | pad;
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== SPACE && bytes[i] !== TAB) return false;
  return true;
}

function isLetter(byte: number): boolean {
  const lower = byte | 32;
  return lower >= 97 && lower <= 122;
}

function isInfinite(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < 3 || to - from > 9) return false;
  const start = bytes[from] === 45 || bytes[from] === 43 ? from + 1 : from;
  if ((bytes[start]! | 32) !== 105) return false;
  const text = Buffer.from(bytes.subarray(from, to)).toString('latin1').toLowerCase();
  return text === 'inf' || text === '-inf' || text === 'infinity' || text === '-infinity';
}

function isUuid(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from !== 36 || bytes[from + 8] !== 45) return false;
  for (let i = 0; i < 36; i++) {
    const byte = bytes[from + i]!;
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      if (byte !== 45) return false;
    } else if (!isDigit(byte) && !((byte | 32) >= 97 && (byte | 32) <= 102)) return false;
  }
  return true;
}
