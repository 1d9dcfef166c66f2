import { pointerAt } from './faults.ts';

/** Where something stands in a text: both count from 1, columns in UTF-16 units. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

export interface JsonPositions {
  /** The place of what a pointer names: of a member its name, of an element its value; else of what it would be in. */
  of(pointer: string): TextPosition;
  /** Members that come again in the same object: `JSON.parse` takes the last one of each. */
  readonly twice: readonly string[];
}

const [LF, QUOTE, COMMA, COLON, BACKSLASH] = [0x0a, 0x22, 0x2c, 0x3a, 0x5c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

interface Level {
  readonly pointer: string;
  /** The next element's index; null in an object. */
  index: number | null;
  readonly names: Set<string>;
}

/**
 * Finds where each member and element of a JSON text stands, in one pass.
 * @param text one that `JSON.parse` takes
 */
export function jsonPositions(text: string): JsonPositions {
  const offsets = new Map<string, number>([['#', 0]]);
  const twice: string[] = [];
  const levels: Level[] = [];
  /** What the next value is: the pointer of the member whose name was read, or none yet. */
  let named: string | null = null;
  const enter = (at: number): string => {
    const level = levels.at(-1);
    if (level === undefined) return '#';
    const pointer = named ?? pointerAt(level.pointer, level.index ?? 0);
    if (named === null) offsets.set(pointer, at);
    named = null;
    return pointer;
  };
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const level = levels.at(-1);
    if (code === OPEN_OBJECT || code === OPEN_LIST) {
      const pointer = enter(at);
      if (levels.length === 0) offsets.set('#', at);
      levels.push({ pointer, index: code === OPEN_LIST ? 0 : null, names: new Set() });
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
      levels.pop();
    } else if (code === COMMA) {
      if (level !== undefined && level.index !== null) level.index++;
    } else if (code === QUOTE) {
      const end = stringEnd(text, at);
      if (level !== undefined && level.index === null && named === null) {
        const name = JSON.parse(text.slice(at, end)) as string;
        named = pointerAt(level.pointer, name);
        if (level.names.has(name)) twice.push(named);
        level.names.add(name);
        offsets.set(named, at);
      } else enter(at);
      at = end - 1;
    } else if (code > 0x20 && code !== COLON) {
      enter(at);
      while (at + 1 < text.length && /[\w.+-]/.test(text[at + 1]!)) at++;
    }
  }
  const starts = lineStarts(text);
  return {
    twice,
    of(pointer) {
      let at = pointer;
      while (!offsets.has(at) && at !== '#') at = at.slice(0, Math.max(1, at.lastIndexOf('/')));
      return positionAt(starts, offsets.get(at) ?? 0);
    },
  };
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at + 1;
  }
  return text.length;
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) === LF) starts.push(at + 1);
  return starts;
}

function positionAt(starts: readonly number[], offset: number): TextPosition {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - starts[low]! + 1 };
}
