import { ALPHABETS, type Alphabet, ENCODINGS, SIGNS } from './alphabets.ts';

export interface GuessedEncoding {
  readonly encoding: string;
  readonly note?: string;
}

/** How close a second encoding may come without being told. */
const CLOSE = 0.05;

/**
 * Finds which encoding of one byte a character a text is in that is no UTF-8: each is tried, and judged by whether
 * its letters are those of one language, and stand where letters stand. An encoding that makes the same text of the
 * bytes as a commoner one is never named.
 */
export function guessSingleByte(bytes: Buffer): GuessedEncoding {
  const scores = ENCODINGS.map((encoding) => ({ encoding, ...bestAlphabet(bytes, encoding) })).sort(
    (a, b) => b.score - a.score || ENCODINGS.indexOf(a.encoding) - ENCODINGS.indexOf(b.encoding),
  );
  const best = scores[0]!;
  const close = scores.slice(1).find(({ score, text }) => best.score - score < CLOSE && text !== best.text);
  return {
    encoding: best.encoding,
    ...(close === undefined ? {} : { note: `${close.encoding} is almost as likely` }),
  };
}

function bestAlphabet(bytes: Buffer, encoding: string): { readonly score: number; readonly text: string } {
  const text = new TextDecoder(encoding).decode(bytes);
  const score = Math.max(
    ...ALPHABETS.filter((alphabet) => alphabet.encoding === encoding).map((alphabet) =>
      scoreOf(text, alphabet),
    ),
  );
  return { score, text };
}

/** At most 1: every letter beyond ASCII is one of the alphabet, in a word that it can be in. */
function scoreOf(text: string, { letters, frequent, weight }: Alphabet): number {
  let score = 0;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (character < '\u0080') continue;
    const [before, after] = [text[i - 1] ?? ' ', text[i + 1] ?? ' '];
    // Signs say nothing, unless they stand where only letters do.
    if (SIGNS.has(character) && !letters.has(character) && !isMisplaced(character, before, after)) continue;
    count++;
    if (character < '\u00a0' || character === '\ufffd') score -= 4;
    else if (letters.has(character)) score += letterScore(character, before, after, frequent);
    else score -= 1;
  }
  return count === 0 ? 0 : (weight * score) / count;
}

function letterScore(
  character: string,
  before: string,
  after: string,
  frequent: ReadonlySet<string> | null,
): number {
  const upper = character !== character.toLowerCase();
  // An upper-case letter after a lower-case one: the case of another encoding.
  if (upper && isLetter(before) && before !== before.toUpperCase()) return -0.5;
  // Scripts do not mix within words, and letters do not stand among digits.
  const latin = character < '\u0250';
  for (const neighbour of [before, after]) {
    if (isLetter(neighbour) && neighbour < '\u0250' !== latin) return -1;
  }
  if (/\d/.test(before) && /\d/.test(after)) return -1;
  return frequent === null || frequent.has(character.toLowerCase()) ? 1 : 0.85;
}

/** A sign within a word, or at a word where only letters are. */
function isMisplaced(character: string, before: string, after: string): boolean {
  if (character === '’' || character === '\u00ad') return false;
  if (isLetter(before) && isLetter(after)) return true;
  return (isLetter(before) || isLetter(after)) && '¹²³£¥¼½¾×¿±'.includes(character);
}

function isLetter(character: string): boolean {
  return character.toLowerCase() !== character.toUpperCase() || /\p{L}/u.test(character);
}

const WIDE: readonly (readonly [encoding: string, common: RegExp])[] = [
  ['shift_jis', /[\u3040-\u30ff]/gu],
  ['euc-jp', /[\u3040-\u30ff]/gu],
  ['euc-kr', /[\uac00-\ud7a3]/gu],
  ['gb18030', /[\u4e00-\u9fff]/gu],
  ['big5', /[\u4e00-\u9fff]/gu],
];

/** Characters that half of all Chinese, Korean and Japanese texts are made of, as their encodings order them. */
const COMMON_LEADS: Readonly<Record<string, readonly [number, number]>> = {
  gb18030: [0xb0, 0xd7],
  big5: [0xa4, 0xc6],
};

/**
 * The encoding of several bytes a character that a text is in, which no table can have; null: none. It has to be valid
 * as a whole, and to be mostly what its language writes.
 */
export function guessWide(sample: Buffer): string | null {
  const highs = sample.reduce((count, byte) => count + (byte >= 0x80 ? 1 : 0), 0);
  if (highs < 8) return null;
  for (const [encoding, common] of WIDE) {
    const text = decodeWhole(sample, encoding);
    if (text === null) continue;
    const characters = [...text].filter((one) => one >= '\u0080').length;
    const leads = COMMON_LEADS[encoding];
    const share =
      leads === undefined ? (text.match(common)?.length ?? 0) / characters : leadShare(sample, leads);
    if (
      share >= (leads === undefined ? 0.3 : 0.85) &&
      characters * 1.6 <= highs * (encoding === 'shift_jis' ? 2 : 1)
    )
      return encoding;
  }
  return null;
}

/** The sample's end may cut a character. */
function decodeWhole(sample: Buffer, encoding: string): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(sample, { stream: true });
  } catch {
    return null;
  }
}

/** Of characters of two bytes, how many have a first byte in the range. */
function leadShare(sample: Buffer, [from, to]: readonly [number, number]): number {
  let [pairs, common] = [0, 0];
  for (let i = 0; i < sample.length - 1; i++) {
    if (sample[i]! < 0x80) continue;
    pairs++;
    if (sample[i]! >= from && sample[i]! <= to) common++;
    i++;
  }
  return pairs === 0 ? 0 : common / pairs;
}
