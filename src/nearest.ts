/** Longer words are not compared: nobody mistypes one of these, and the time grows with both lengths. */
const LONGEST_WORD = 64;
const MOST_WORDS = 1_000;

/**
 * The known word that somebody most likely meant; undefined where none is near: the same but for case, hyphens and
 * underscores, or a third of its letters at most mistyped (left out, added, exchanged, or in the wrong order).
 */
export function nearestWord(given: string, known: readonly string[]): string | undefined {
  if (given.length > LONGEST_WORD) return undefined;
  const plain = plainOf(given);
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const word of known.slice(0, MOST_WORDS)) {
    if (word.length > LONGEST_WORD) continue;
    const candidate = plainOf(word);
    const distance = distanceOf(plain, candidate);
    const most = Math.floor(Math.max(plain.length, candidate.length) / 3);
    if (distance > most || distance >= least) continue;
    nearest = word;
    least = distance;
  }
  return nearest;
}

/** Words of fewer letters are near so many others that one mistake is all a typo of them may have. */
const SHORT_WORD = 5;
const MOST_MISTAKES = 2;

/**
 * The known word of which `given` seems to be a typo: the same but for case, hyphens and underscores, or one or two
 * letters mistyped (in a word of four at most one, or the same letters in another order). Undefined where it is one of
 * the known words, or no typo of any.
 */
export function typoOf(given: string, known: readonly string[]): string | undefined {
  if (given.length > LONGEST_WORD || known.includes(given)) return undefined;
  const plain = plainOf(given);
  let nearest: string | undefined;
  let least = MOST_MISTAKES + 1;
  for (const word of known) {
    const candidate = plainOf(word);
    if (Math.abs(candidate.length - plain.length) > MOST_MISTAKES) continue;
    const distance = distanceOf(plain, candidate);
    const isShort = Math.min(candidate.length, plain.length) < SHORT_WORD;
    if (distance >= least || (isShort && distance > 1 && lettersOf(plain) !== lettersOf(candidate))) continue;
    nearest = word;
    least = distance;
  }
  return nearest;
}

function lettersOf(word: string): string {
  return [...word].sort().join('');
}

function plainOf(word: string): string {
  return word.toLowerCase().replaceAll(/[-_ ]/g, '');
}

/** Damerau and Levenshtein's, with neighbours exchanged once (optimal string alignment). */
function distanceOf(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, before[j - 2]! + 1);
      }
      row.push(least);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
