import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { foreignKindOf, HEAD_BYTES } from '../csv/file-kind.ts';
import { LongshoreError } from '../errors.ts';
import type { InferSource, Preparation } from './contract.ts';
import { guessUtf16 } from './guess-utf16.ts';

const GZIP = Buffer.from('1f8b', 'hex');
const UTF8_MARK = Buffer.from('efbbbf', 'hex');
const UTF16 = /^text in UTF-16 \((little|big)-endian\)$/;

/** Pieces are made at least this long, as every one costs a little. */
const PIECE_BYTES = 256 * 1024;

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
  readonly compression: 'gzip' | null;
  /** The encoding that its byte-order mark or its NULs say; null: they say nothing. */
  readonly encoding: 'utf-8' | 'utf-16le' | 'utf-16be' | null;
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
 * Opens a file as text: gzip is unpacked, and what a table can not be in is recoded to UTF-8.
 * @throws LongshoreError `file-not-csv` when its first bytes say that it is something else
 */
export async function openText(source: InferSource, options: TextOptions = {}): Promise<OpenText> {
  const raw = counted(source.open(), options);
  const outer = await withHead(raw);
  const gunzip = outer.head.subarray(0, 2).equals(GZIP);
  const inner = gunzip ? await withHead(unpacked(outer.pieces, source.name)) : outer;
  const kind = foreignKindOf(inner.head);
  const utf16 = utf16Of(inner.head, kind);
  if (kind !== null && utf16 === null) throw notCsv(source.name, gunzip ? `${kind}, packed by gzip` : kind);
  const markup = markupKind(inner.head);
  if (markup !== null) throw notCsv(source.name, markup);
  const marked = inner.head.subarray(0, 3).equals(UTF8_MARK);
  const found = utf16 ?? (marked ? 'utf-8' : null);
  const recode = found?.startsWith('utf-16') ? found : marked ? null : foreignEncoding(options.encoding);
  const pieces = recode === null ? unmarked(inner.pieces) : recoded(inner.pieces, recode);
  return {
    form: {
      preparation: { gunzip, recode, skipBytes: 0, header: null },
      compression: gunzip ? 'gzip' : null,
      encoding: found,
      marked:
        marked ||
        inner.head.subarray(0, 2).equals(Buffer.from('fffe', 'hex')) ||
        inner.head.subarray(0, 2).equals(Buffer.from('feff', 'hex')),
    },
    pieces,
  };
}

function utf16Of(head: Buffer, kind: string | null): 'utf-16le' | 'utf-16be' | null {
  if (kind === null) return guessUtf16(head);
  const side = UTF16.exec(kind)?.[1];
  return side === undefined ? null : side === 'little' ? 'utf-16le' : 'utf-16be';
}

/** Encodings in which a file can not be cut by its bytes; null for all others. */
function foreignEncoding(label: string | undefined): string | null {
  if (label === undefined) return null;
  const { encoding } = new TextDecoder(label);
  return /^(?:utf-16|shift_jis|euc-|gb|big5|iso-2022)/.test(encoding) ? encoding : null;
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

/** Reads on until the beginning is long enough to tell what it is; the pieces have all of it again. */
async function withHead(
  pieces: AsyncIterable<Buffer>,
): Promise<{ readonly head: Buffer; readonly pieces: AsyncGenerator<Buffer> }> {
  const iterator = pieces[Symbol.asyncIterator]();
  const first: Buffer[] = [];
  let length = 0;
  while (length < HEAD_BYTES) {
    const { value, done } = await iterator.next();
    if (done) break;
    first.push(value);
    length += value.length;
  }
  const start = Buffer.concat(first);
  const all = async function* (): AsyncGenerator<Buffer> {
    try {
      if (start.length > 0) yield start;
      for (;;) {
        const { value, done } = await iterator.next();
        if (done) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  };
  return { head: start.subarray(0, HEAD_BYTES), pieces: all() };
}

async function* unpacked(pieces: AsyncGenerator<Buffer>, name: string): AsyncGenerator<Buffer> {
  const source = Readable.from(pieces, { objectMode: false });
  const gunzip = createGunzip({ chunkSize: PIECE_BYTES });
  source.on('error', (error) => gunzip.destroy(error));
  source.pipe(gunzip);
  try {
    for await (const piece of gunzip) yield piece as Buffer;
  } catch (cause) {
    if (!(cause instanceof Error) || !('code' in cause) || !String(cause.code).startsWith('Z_')) throw cause;
    const why =
      cause.code === 'Z_BUF_ERROR'
        ? 'can not be unpacked whole: its gzip data ends in the middle. Fetch or pack it again'
        : `can not be unpacked by gzip: ${cause.message}`;
    throw new LongshoreError('file-not-csv', `${name} ${why}`, { cause });
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

async function* unmarked(pieces: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let first = true;
  for await (const piece of pieces) {
    yield first && piece.subarray(0, 3).equals(UTF8_MARK) ? piece.subarray(3) : piece;
    first = false;
  }
}

async function* recoded(pieces: AsyncGenerator<Buffer>, encoding: string): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(encoding);
  for await (const piece of pieces) {
    const text = decoder.decode(piece, { stream: true });
    if (text !== '') yield Buffer.from(text);
  }
  const rest = decoder.decode();
  if (rest !== '') yield Buffer.from(rest);
}
