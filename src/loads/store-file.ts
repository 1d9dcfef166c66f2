import { randomUUID } from 'node:crypto';
import { HEAD_BYTES } from '../csv/file-kind.ts';
import { Surveyor, surveyOptionsOf } from '../csv/survey.ts';
import { inEncoding } from '../dictionary/read-as.ts';
import { LongshoreError } from '../errors.ts';
import { nextTurn } from '../in-slices.ts';
import type { Storage, StorageWriter } from '../storage/storage.ts';
import type { Survey, Table } from '../types.ts';
import { Expansion } from '../wrappings/expansion.ts';
import { peek } from '../wrappings/peek.ts';
import { type PlainText, plainText } from '../wrappings/plain-text.ts';
import { type Wrapping, wrappingOf } from '../wrappings/wrapping.ts';
import { zippedFile } from '../wrappings/zip.ts';

/** So much of a file is read as it comes. Of what is longer, one piece of one file is read in a turn of the event loop. */
const AT_ONCE_BYTES = 256 * 1024;

export interface StoredText {
  /** Of the text in the storage. */
  readonly key: string;
  readonly survey: Survey;
  /** What was taken off, from the outside to the inside; null: nothing, the text is the file. */
  readonly wrappings: readonly string[] | null;
  /** The encoding of the text, where it is not the one that was expected; else null. */
  readonly textEncoding: string | null;
}

export interface StoreFile {
  readonly storage: Storage;
  readonly table: Table;
  /** The bytes that one byte of a packed file may become. */
  readonly maxExpansion: number;
  /** What the file is said to be packed by. */
  readonly coding?: Wrapping | null;
}

/**
 * Stores a file as plain text, of which chunks can be read, and surveys it on the way: a piece at a time, with
 * back-pressure from the storage. A zip archive, which is read from its end, is stored as it is while that takes. Either
 * the whole text is in the storage when this resolves, or nothing is.
 *
 * @throws LongshoreError `malformed-body` where it is not packed as it is said to be; `unpack-failed`, `expansion-limit`; what `Surveyor` throws
 */
export async function storeFile(pieces: AsyncIterable<Buffer>, options: StoreFile): Promise<StoredText> {
  const { storage, coding } = options;
  const key = newKey();
  // From the begin, so that what is under way can be seen.
  const { text, zippedBytes } = await storing(storage, key, async (writer) => {
    const file = await peek(pieces, HEAD_BYTES);
    const wrapping = wrappingOf(file.head);
    if (coding && wrapping !== coding) {
      await file.pieces.return();
      throw new LongshoreError(
        'malformed-body',
        `the body has Content-Encoding ${coding}, but does not begin as ${coding} does`,
      );
    }
    if (wrapping !== 'zip') return { text: await writeText(writer, file.pieces, [], options) };
    return { zippedBytes: await copy(file.pieces, (piece) => writer.write(piece)) };
  });
  if (text !== undefined) return { key, ...text };
  try {
    return await storeZipped(key, zippedBytes, options);
  } finally {
    await storage.delete(key).catch(() => undefined);
  }
}

/** A file that is in the storage already. */
export async function storeStored(
  source: { readonly key: string; readonly head: Buffer; readonly bytes: number },
  watch: (pieces: AsyncIterable<Buffer>) => AsyncIterable<Buffer>,
  options: StoreFile,
): Promise<StoredText> {
  if (wrappingOf(source.head) === 'zip') return storeZipped(source.key, source.bytes, options, watch);
  return storePieces(watch(await options.storage.stream(source.key)), [], options);
}

async function storeZipped(
  key: string,
  bytes: number,
  options: StoreFile,
  watch = (pieces: AsyncIterable<Buffer>) => pieces,
): Promise<StoredText> {
  const member = await zippedFile(options.storage, key, bytes);
  const bound = new Expansion(options.maxExpansion, bytes);
  return storePieces(bound.unpacked(watch(member.open())), ['zip'], options);
}

async function storePieces(
  pieces: AsyncIterable<Buffer>,
  outer: readonly string[],
  options: StoreFile,
): Promise<StoredText> {
  const key = newKey();
  const text = await storing(options.storage, key, (writer) => writeText(writer, pieces, outer, options));
  return { key, ...text };
}

async function writeText(
  writer: StorageWriter,
  pieces: AsyncIterable<Buffer>,
  outer: readonly string[],
  { table: asked, maxExpansion }: StoreFile,
): Promise<Omit<StoredText, 'key'>> {
  const text: PlainText = await plainText(pieces, { maxExpansion, outer, encoding: asked.encoding });
  const textEncoding = text.isUtf8 ? 'utf-8' : null;
  const surveyor = new Surveyor(surveyOptionsOf(inEncoding(asked, textEncoding)));
  await copy(text.pieces, async (piece) => {
    const written = writer.write(piece);
    try {
      // Surveys while the storage writes.
      surveyor.push(piece);
    } finally {
      await written;
    }
  });
  const wrappings = text.wrappings.length > 0 ? text.wrappings : null;
  return { survey: surveyor.end(), wrappings, textEncoding };
}

function newKey(): string {
  return `uploads/${randomUUID()}`;
}

async function storing<T>(
  storage: Storage,
  key: string,
  write: (writer: StorageWriter) => Promise<T>,
): Promise<T> {
  const writer = await storage.write(key);
  try {
    const result = await write(writer);
    await writer.close();
    return result;
  } catch (error) {
    // The first error is reported; if this fails too, the rest is deleted with old uploads.
    await writer.abort().catch(() => undefined);
    throw error;
  }
}

/** However many long files arrive, all else is answered between two pieces, and short files are soon read. */
async function copy(pieces: AsyncIterable<Buffer>, write: (piece: Buffer) => Promise<void>): Promise<number> {
  let taken = 0;
  for await (const piece of pieces) {
    taken += piece.length;
    if (taken > AT_ONCE_BYTES) await nextTurn();
    await write(piece);
  }
  return taken;
}
