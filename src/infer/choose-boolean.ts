import type { Choice, Surroundings } from './choice.ts';
import type { CountedValue } from './few-values.ts';
import { BOOLEAN_HEADING, BOOLEAN_PAIRS } from './words.ts';

/** Pairs that programs mix in one column. */
const MIXED: readonly (readonly [string, string])[] = [...BOOLEAN_PAIRS.slice(0, 5), ['1', '0']];
/** Alone in their column these are still a yes or no; `Y` alone is not. */
const SURE_ALONE: ReadonlySet<string> = new Set(['true', 'false', 'yes', 'no']);

/** @param values all different ones, without those that say that there is none; null: they are no yes or no */
export function chooseBoolean(values: readonly CountedValue[], around: Surroundings): Choice | null {
  const texts = values.map(({ bytes }) => around.decode(bytes));
  if (texts.length === 0 || texts.length > 12) return null;
  const words = new Set(texts.map((text) => text.toLowerCase()));
  if (words.size === 1 && !SURE_ALONE.has([...words][0]!)) return null;
  if ([...words].every((word) => word === '0' || word === '1')) return bits(words, around);
  const pair = BOOLEAN_PAIRS.find(([yes, no]) => [...words].every((word) => word === yes || word === no));
  const pairs = pair === undefined ? MIXED.filter(([yes, no]) => words.has(yes) || words.has(no)) : [pair];
  const all = new Set(pairs.flat());
  if (![...words].every((word) => all.has(word))) return null;
  if (pair === undefined && !(has(words, pairs, 0) && has(words, pairs, 1))) return null;
  return {
    type: 'boolean',
    properties: {
      trueValues: written(
        pairs.map(([yes]) => yes),
        texts,
      ),
      falseValues: written(
        pairs.map(([, no]) => no),
        texts,
      ),
    },
    exceptions: 0,
  };
}

function has(
  words: ReadonlySet<string>,
  pairs: readonly (readonly [string, string])[],
  side: 0 | 1,
): boolean {
  return pairs.some((pair) => words.has(pair[side]));
}

/** 0 and 1 are numbers, unless the heading asks. */
function bits(words: ReadonlySet<string>, { heading }: Surroundings): Choice | null {
  if (words.size < 2 || !BOOLEAN_HEADING.test(heading ?? '')) return null;
  const note = 'only 0 and 1, and the heading asks for a yes or no';
  return { type: 'boolean', properties: { trueValues: ['1'], falseValues: ['0'] }, exceptions: 0, note };
}

/** The words as they stand in the file, and in the usual cases: the next file may have another. */
function written(words: readonly string[], texts: readonly string[]): string[] {
  const usual = words.flatMap((word) => [
    word,
    word.charAt(0).toUpperCase() + word.slice(1),
    word.toUpperCase(),
  ]);
  const seen = texts.filter((text) => words.includes(text.toLowerCase()));
  return [...new Set([...seen, ...usual])];
}
