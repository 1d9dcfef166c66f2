import { escapeOf } from '../csv/dialect-options.ts';
import { encodingOf, isMultiByte } from '../csv/encoding.ts';
import { readRecords } from '../csv/read-records.ts';
import type { Dialect } from '../types.ts';
import { headerNames } from './match-header.ts';

/** Something for the column before, of which one at least means nothing in any dialect. */
const OTHERS = ['a', 'b', 'c', 'd', 'e'];
const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/**
 * Finds names that no header of a file can hold: the dialect can not quote what they have in them, or the encoding does
 * not have their characters. Each is written as the dialect has it, and read back. Pure.
 *
 * @returns their places in the list
 */
export function unwritableNames(names: readonly string[], dialect: Dialect, ofFiles: string): number[] {
  // A text in another encoding is read as UTF-8 once it has arrived.
  const encoding = isMultiByte(ofFiles) ? 'utf-8' : ofFiles;
  const fields = names.map((name) => ({ name }));
  const encode = encoderOf(encoding);
  const other = OTHERS.find((text) => !Object.values(dialect).includes(text))!;
  return names.flatMap((name, at) => {
    const cells = [...(at > 0 ? [other] : []), written(name, dialect)];
    const bytes = encode(`${cells.join(dialect.delimiter)}\n`);
    const read = bytes && readFirst(bytes, dialect, encoding);
    const same = read?.length === cells.length && headerNames({ fields }, read).at(-1) === name;
    return same ? [] : [at];
  });
}

function written(name: string, dialect: Dialect): string {
  const { quoteChar } = dialect;
  if (quoteChar === null) return name;
  const literal = escapeOf(dialect);
  const inside = Array.from(name, (character) =>
    literal !== null && (character === quoteChar || character === literal) ? literal + character : character,
  );
  return quoteChar + inside.join('') + quoteChar;
}

function readFirst(bytes: Buffer, dialect: Dialect, encoding: string): readonly string[] | undefined {
  const marked = bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  const text = marked ? bytes.subarray(BYTE_ORDER_MARK.length) : bytes;
  const { value } = readRecords(text, { firstLine: 1, oversize: false }, dialect, encoding).next();
  return value && value.error === null ? value.cells : undefined;
}

/** @returns a function that gives the bytes of a text, or null where the encoding lacks one of its characters */
function encoderOf(name: string): (text: string) => Buffer | null {
  const encoding = encodingOf(name);
  if (encoding.utf8) return (text) => Buffer.from(text);
  const bytes = new Map<string, number>();
  for (let byte = 0; byte < 256; byte++) {
    const one = Buffer.of(byte);
    if (encoding.isValid(one)) bytes.set(encoding.decode(one), byte);
  }
  return (text) => {
    const found = Array.from(text, (character) => bytes.get(character));
    return found.some((byte) => byte === undefined) ? null : Buffer.from(found as number[]);
  };
}
