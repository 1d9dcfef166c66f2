/** Of the units: so many have to be plain characters, as the ends of cells and lines, digits and Latin letters are. */
const FEWEST_PLAIN = 4;
const PLAIN_SHARE = 0.05;
/** Different ones, besides the ends of lines. */
const FEWEST_OTHERS = 2;

/**
 * Whether the beginning of a text without a byte-order mark is UTF-16, also where most of it is in a script that has few
 * bytes of NUL; null: it is not.
 */
export function guessUtf16(head: Buffer): 'utf-16le' | 'utf-16be' | null {
  if (!head.includes(0)) return null;
  const little = plainUnits(head, 'utf-16le');
  const big = plainUnits(head, 'utf-16be');
  if (little === big) return null;
  return little > big ? 'utf-16le' : 'utf-16be';
}

/** How many plain characters the text has; 0 where it is none, or has too few of them. */
function plainUnits(head: Buffer, encoding: 'utf-16le' | 'utf-16be'): number {
  const text = decodeWhole(head.subarray(0, head.length & ~1), encoding);
  if (text === null) return 0;
  let plain = 0;
  let hasLine = false;
  const others = new Set<string>();
  for (const character of text) {
    if (character === '\n' || character === '\r') hasLine = true;
    else if (character < ' ' && character !== '\t') return 0;
    // Controls, private and unassigned ones: pairs of bytes that are something else.
    if (/[\u007f-\u009f\ue000-\uf8ff\ufff0-\uffff]/u.test(character)) return 0;
    if (character >= '\u007f') continue;
    plain++;
    if (character >= ' ') others.add(character);
  }
  // Line ends alone may be cells of NUL in a text of another encoding.
  return hasLine &&
    others.size >= FEWEST_OTHERS &&
    plain >= FEWEST_PLAIN &&
    plain >= text.length * PLAIN_SHARE
    ? plain
    : 0;
}

/** The head's end may cut a character. */
function decodeWhole(head: Buffer, encoding: string): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(head, { stream: true });
  } catch {
    return null;
  }
}
