import { shorten } from '../shorten.ts';

const MOST_CHARACTERS = 60;

/** A character as people call it. */
export function nameOfCharacter(character: string): string {
  const names: Readonly<Record<string, string>> = {
    '\t': 'a tab',
    ' ': 'a space',
    '\x1f': 'the unit separator (0x1F)',
    '\x01': 'the byte 0x01',
  };
  return names[character] ?? `"${character}"`;
}

export function shown(text: string): string {
  return JSON.stringify(shorten(text, MOST_CHARACTERS));
}

export function lines(numbers: readonly number[]): string[] {
  return numbers.map((line) => `line ${line}`);
}
