import { isMultiByte } from '../csv/encoding.ts';
import { foreignKindOf, isMarked } from '../csv/file-kind.ts';
import { LongshoreError } from '../errors.ts';
import { MAX_EXPANSION } from '../max-expansion.ts';
import { Expansion } from '../wrappings/expansion.ts';
import { peek } from '../wrappings/peek.ts';
import { type Unwrapped, unwrapped } from '../wrappings/plain-text.ts';
import { recoded, wideEncodingOf } from '../wrappings/recode.ts';
import { WRAPPING_BYTES, wrappingOf } from '../wrappings/wrapping.ts';
import { zippedFile } from '../wrappings/zip.ts';
import type { InferSource, Preparation } from './contract.ts';
import { guessUtf16 } from './guess-utf16.ts';

/** Texts that are no tables, by what they begin with. */
const MARKUP: readonly (readonly [start: string, kind: string])[] = [
  ['<!doctype html', 'an HTML page'],
  ['<html', 'an HTML page'],
  ['<?xml', 'an XML document'],
  ['{\\rtf', 'a text document (RTF)'],
];

/** What a file is, besides its rows. */
export interface TextForm {
  readonly preparation: Preparation;
  readonly compression: string | null;
  /** The encoding that its byte-order mark or its NULs say; null: they say nothing. */
  readonly encoding: string | null;
  readonly marked: boolean;
}

export interface OpenText {
  readonly form: TextForm;
  /** The text in UTF-8 or in an encoding of one byte a character, without a byte-order mark. */
  readonly pieces: AsyncGenerator<Buffer, void, undefined>;
}

export interface TextOptions {
  /** A WHATWG label that the file is known to have. */
  readonly encoding?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of further bytes that were read, as they are in the file. */
  readonly read?: ((bytes: number) => void) | undefined;
}

/**
 * Opens a file as text: it is unpacked, and what no chunk can be cut from is recoded to UTF-8.
 * @throws LongshoreError `file-not-csv` when its first bytes say that it is something else
 */
export async function openText(source: InferSource, options: TextOptions = {}): Promise<OpenText> {
  try {
    const { wrappings, head, pieces } = await unpackedSource(source, options);
    const compression = wrappings.length === 0 ? null : wrappings.join(' in ');
    const kind = foreignKindOf(head);
    const wide = kind === null ? guessUtf16(head) : wideEncodingOf(head);
    if (kind !== null && wide === null) {
      throw notCsv(source.name, compression === null ? kind : `${kind}, packed by ${compression}`);
    }
    const markup = markupKind(head);
    if (markup !== null) throw notCsv(source.name, markup);
    const marked = isMarked(head);
    const recode = wide ?? (marked ? null : foreignEncoding(options.encoding));
    const text = recode === null ? unmarked(pieces) : recoded(pieces, recode);
    return {
      form: {
        preparation: { recode, skipBytes: 0, header: null },
        compression,
        encoding: wide ?? (marked ? 'utf-8' : null),
        marked: marked || WIDE_MARKS.some((mark) => head.subarray(0, mark.length).equals(mark)),
      },
      pieces: named(text, source.name),
    };
  } catch (error) {
    throw notUnpacked(error, source.name);
  }
}

/** In UTF-16, either way; UTF-32's begin or end with them. */
const WIDE_MARKS = ['fffe', 'feff', '0000feff'].map((bytes) => Buffer.from(bytes, 'hex'));

async function unpackedSource(source: InferSource, options: TextOptions): Promise<Unwrapped> {
  const { bytes, range } = source;
  let seen = 0;
  const read = (more: number) => {
    seen += more;
    options.read?.(more);
  };
  const file = await peek(counted(source.open(), { ...options, read }), WRAPPING_BYTES);
  if (wrappingOf(file.head) !== 'zip') return unwrapped(file.pieces, MAX_EXPANSION);
  await file.pieces.return();
  if (bytes === undefined || range === undefined) throw notCsv(source.name, foreignKindOf(file.head)!);
  const ranges = { stream: async (_: string, start: number, end: number) => range(start, end) };
  const member = await zippedFile(ranges, source.name, bytes);
  const bound = new Expansion(MAX_EXPANSION, bytes);
  read(bytes - seen);
  const { signal } = options;
  return unwrapped(bound.unpacked(counted(member.open(), { signal })), MAX_EXPANSION, ['zip']);
}

async function* named(pieces: AsyncGenerator<Buffer>, name: string): AsyncGenerator<Buffer> {
  try {
    yield* pieces;
  } catch (error) {
    throw notUnpacked(error, name);
  }
}

/** Of a file that can not be unpacked: which one it is. */
function notUnpacked(error: unknown, name: string): unknown {
  if (!(error instanceof LongshoreError) || !NOT_UNPACKED.has(error.code)) return error;
  const message = error.message.replace(/^the (?:file|zip archive) /, `${name} `);
  return new LongshoreError('file-not-csv', message, { cause: error });
}

const NOT_UNPACKED: ReadonlySet<string> = new Set([
  ...['unpack-failed', 'expansion-limit', 'encoding-mismatch', 'file-empty'],
]);

/** Encodings that are recoded as the text is opened, before its bytes are counted. */
export function isWide(encoding: string): boolean {
  return encoding.startsWith('utf-32') || foreignEncoding(encoding) !== null;
}

/** Encodings in which a file can not be cut by its bytes; null for all others. */
function foreignEncoding(label: string | undefined): string | null {
  // UTF-32, which no decoder knows, is marked.
  if (label === undefined || label.startsWith('utf-32')) return null;
  const { encoding } = new TextDecoder(label);
  return isMultiByte(encoding) ? encoding : null;
}

export function notCsv(name: string, kind: string): LongshoreError {
  return new LongshoreError('file-not-csv', `${name} is ${kind}, not rows of text`);
}

function markupKind(head: Buffer): string | null {
  const text = head.toString('latin1').replace('\xef\xbb\xbf', '').trimStart().toLowerCase();
  for (const [start, kind] of MARKUP) if (text.startsWith(start)) return kind;
  if (/^\{\s*"[^"]*"\s*:/.test(text)) return 'JSON';
  return /^\[\s*(?:\{|\[|"[^"]*"\s*,)/.test(text) ? 'JSON' : null;
}

async function* counted(
  pieces: AsyncIterable<Buffer>,
  { signal, read }: TextOptions,
): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    signal?.throwIfAborted();
    read?.(piece.length);
    yield piece;
  }
}

async function* unmarked(pieces: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let first = true;
  for await (const piece of pieces) {
    yield first && isMarked(piece) ? piece.subarray(3) : piece;
    first = false;
  }
}
