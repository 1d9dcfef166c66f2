import { shorten } from '../shorten.ts';
import type { NotedRows } from './scan-table.ts';

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

export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** The first lines of rows that were noted: `lines 2, 5, …`. */
export function linesOf({ rows, lines: at }: NotedRows): string {
  return `line${at.length > 1 ? 's' : ''} ${at.join(', ')}${rows > at.length ? ', …' : ''}`;
}

export function lines(numbers: readonly number[]): string[] {
  return numbers.map((line) => `line ${line}`);
}
