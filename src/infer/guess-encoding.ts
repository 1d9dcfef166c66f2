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
