import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import yauzl, { type Entry, RandomAccessReader, type ZipFile } from 'yauzl';
import type { Storage } from '../storage/storage.ts';
import { unpackFailed } from './unpack.ts';

/** A zip archive's list of what it holds stands at its end, so it has to be in the storage before it is read. */
export interface ZipMember {
  readonly name: string;
  /** @throws LongshoreError `unpack-failed` */
  open(): AsyncGenerator<Buffer, void, undefined>;
}

/** An archive of more files is none of tables. */
const MOST_ENTRIES = 10_000;

/** What systems put beside the files that a person packed. */
const BESIDE = /^__MACOSX\/|(?:^|\/)(?:\.[^/]*|Thumbs\.db|desktop\.ini)$/;

/**
 * The files in a zip archive (PKWARE's APPNOTE 6.3, with ZIP64), in its own order, without folders and what systems put
 * beside. Nothing is written under a member's name.
 *
 * @throws LongshoreError `unpack-failed` for what is no whole archive, or encrypted
 */
export async function zipMembers(
  storage: Pick<Storage, 'stream'>,
  key: string,
  bytes: number,
): Promise<readonly ZipMember[]> {
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
  readonly #storage: Pick<Storage, 'stream'>;
  readonly #key: string;

  constructor(storage: Pick<Storage, 'stream'>, key: string) {
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
