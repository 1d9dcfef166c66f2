import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import yauzl, { type Entry, RandomAccessReader, type ZipFile } from 'yauzl';
import { LongshoreError } from '../errors.ts';
import { unpackFailed } from './unpack.ts';

/** A zip archive's list of what it holds stands at its end, so it has to be in the storage before it is read. */
interface ZipMember {
  readonly name: string;
  /** @throws LongshoreError `unpack-failed` */
  open(): AsyncGenerator<Buffer, void, undefined>;
}

/** An archive of more files is none of tables. */
const MOST_ENTRIES = 10_000;

/** What systems put beside the files that a person packed. */
const BESIDE = /^__MACOSX\/|(?:^|\/)(?:\.[^/]*|Thumbs\.db|desktop\.ini)$/;

/** Where an archive is read from. */
export interface Ranges {
  stream(key: string, startByte: number, endByte: number): Promise<AsyncIterable<Buffer>>;
}

/** What each document of Office Open XML (ECMA-376), which is a zip archive, holds. */
const OFFICE = '[Content_Types].xml';

/** As many names as a message has room for. */
const NAMES_TOLD = 5;

/**
 * The one file in a zip archive.
 * @throws LongshoreError `unpack-failed` for what is no whole archive, encrypted, or of several files;
 *   `encoding-mismatch` for a spreadsheet; `file-empty` where it holds no file
 */
export async function zippedFile(storage: Ranges, key: string, bytes: number): Promise<ZipMember> {
  const members = await zipMembers(storage, key, bytes);
  const [member] = members;
  if (members.some(({ name }) => name === OFFICE)) {
    throw new LongshoreError('encoding-mismatch', 'the file is a spreadsheet or another office document');
  }
  if (member === undefined) throw new LongshoreError('file-empty', 'the zip archive holds no file');
  if (members.length > 1) throw tooMany(members.map(({ name }) => name));
  return member;
}

function tooMany(names: readonly string[]): LongshoreError {
  const told = names.slice(0, NAMES_TOLD).map((name) => JSON.stringify(name));
  const more = names.length > told.length ? ` and ${names.length - told.length} more` : '';
  return new LongshoreError(
    'unpack-failed',
    `the zip archive holds ${names.length} files (${told.join(', ')}${more}): send one archive or file a load`,
  );
}

/**
 * The files in a zip archive (PKWARE's APPNOTE 6.3, with ZIP64), in its own order, without folders and what systems put
 * beside. Nothing is written under a member's name.
 *
 * @throws LongshoreError `unpack-failed` for what is no whole archive, or encrypted
 */
async function zipMembers(storage: Ranges, key: string, bytes: number): Promise<readonly ZipMember[]> {
  try {
    const zip = await yauzl.fromRandomAccessReaderPromise(new StoredBytes(storage, key), bytes, {
      autoClose: false,
    });
    if (zip.entryCount > MOST_ENTRIES) throw new Error(`it holds more than ${MOST_ENTRIES} files`);
    const members: ZipMember[] = [];
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName.endsWith('/') || BESIDE.test(entry.fileName)) continue;
      if (entry.isEncrypted()) throw new Error(`${JSON.stringify(entry.fileName)} in it is encrypted`);
      members.push({ name: entry.fileName, open: () => opened(zip, entry) });
    }
    return members;
  } catch (error) {
    throw unpackFailed('zip', error);
  }
}

/** What the archive says of a member is held against what comes. */
async function* opened(zip: ZipFile, entry: Entry): AsyncGenerator<Buffer, void, undefined> {
  let sum = 0;
  try {
    const stream = await zip.openReadStreamPromise(entry);
    for await (const piece of stream as AsyncIterable<Buffer>) {
      sum = crc32(piece, sum);
      yield piece;
    }
  } catch (error) {
    throw unpackFailed('zip', error);
  }
  if (sum !== entry.crc32) {
    throw unpackFailed(
      'zip',
      new Error(`${JSON.stringify(entry.fileName)} in it is damaged: its checksum does not match`),
    );
  }
}

class StoredBytes extends RandomAccessReader {
  readonly #storage: Ranges;
  readonly #key: string;

  constructor(storage: Ranges, key: string) {
    super();
    this.#storage = storage;
    this.#key = key;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    const storage = this.#storage;
    const key = this.#key;
    return Readable.from(
      (async function* () {
        yield* await storage.stream(key, start, end);
      })(),
      { objectMode: false },
    );
  }
}
