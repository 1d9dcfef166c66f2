import { isMultiByte } from '../csv/encoding.ts';
import { HEAD_BYTES, isMarked } from '../csv/file-kind.ts';
import { LongshoreError } from '../errors.ts';
import { Expansion } from './expansion.ts';
import { type Peeked, peek } from './peek.ts';
import { type Recoded, recoded, wideEncodingOf } from './recode.ts';
import { unpacked } from './unpack.ts';
import { wrappingOf } from './wrapping.ts';

/** Whether something has to be taken off a file before it can be cut into chunks. */
export function isWrapped(head: Buffer, expected: string): boolean {
  return wrappingOf(head) !== null || wideEncodingOf(head) !== null || isMultiByte(expected);
}

function textEncoding(head: Buffer, expected: string): Recoded | null {
  return wideEncodingOf(head) ?? (isMarked(head) || !isMultiByte(expected) ? null : expected);
}

/** More wrappings around each other are nobody's table. */
const MOST_WRAPPINGS = 3;

export interface PlainText {
  /** What was taken off, from the outside to the inside: `gzip`, then `utf-16le`. Empty: the pieces are the file's own. */
  readonly wrappings: readonly string[];
  /** The text was recoded: it is UTF-8, whatever the table's encoding is. */
  readonly isUtf8: boolean;
  readonly pieces: AsyncGenerator<Buffer, void, undefined>;
}

export interface PlainTextOptions {
  /** The bytes that one packed byte may become. */
  readonly maxExpansion: number;
  /** What was taken off already. */
  readonly outer?: readonly string[];
  /** The encoding that the text is expected in; its own bytes may say another one. */
  readonly encoding: string;
}

/**
 * Takes off what a file is wrapped in: what it is packed by (gzip, zstd, bzip2, xz, also one in another), and what no
 * chunk can be cut from: UTF-16 or UTF-32, as its own bytes say, or the expected encoding.
 *
 * @throws LongshoreError `unpack-failed`, `expansion-limit`, also while the pieces are read
 */
export async function plainText(
  file: AsyncIterable<Buffer>,
  { maxExpansion, outer = [], encoding: expected }: PlainTextOptions,
): Promise<PlainText> {
  const { wrappings, head, pieces } = await unwrapped(file, maxExpansion, outer);
  const encoding = textEncoding(head, expected);
  // Marked as UTF-8, a text is that, whatever was expected.
  if (encoding === null) return { wrappings, isUtf8: isMultiByte(expected), pieces };
  return { wrappings: [...wrappings, encoding], isUtf8: true, pieces: recoded(pieces, encoding) };
}

export interface Unwrapped extends Peeked {
  /** What the file was packed by, from the outside to the inside. */
  readonly wrappings: readonly string[];
}

/**
 * Unpacks a file, whatever is in it.
 * @throws LongshoreError `unpack-failed`, `expansion-limit`, also while the pieces are read
 */
export async function unwrapped(
  file: AsyncIterable<Buffer>,
  maxExpansion: number,
  outer: readonly string[] = [],
): Promise<Unwrapped> {
  const bound = new Expansion(maxExpansion);
  const wrappings = [...outer];
  let { head, pieces } = await peek(bound.packed(file), HEAD_BYTES);
  try {
    for (let found = wrappingOf(head); found !== null; found = wrappingOf(head)) {
      if (found === 'zip') throw refusal('a zip archive in something else: send the archive itself');
      if (wrappings.length >= MOST_WRAPPINGS) throw refusal(`packed more than ${MOST_WRAPPINGS} times`);
      wrappings.push(found);
      ({ head, pieces } = await peek(bound.unpacked(unpacked(pieces, found)), HEAD_BYTES));
    }
    return { wrappings, head, pieces };
  } catch (error) {
    await pieces.return();
    throw error;
  }
}

function refusal(what: string): LongshoreError {
  return new LongshoreError('unpack-failed', `the file is ${what}`);
}
