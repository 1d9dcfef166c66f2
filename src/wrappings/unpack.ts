import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import xz from 'xz-decompress';
import { LongshoreError } from '../errors.ts';
import { unpackInThread } from './bzip2.ts';
import type { Wrapping } from './wrapping.ts';

/** Pieces are made at least this long, as every one costs a little. */
const PIECE_BYTES = 256 * 1024;

type Pieces = AsyncIterable<Buffer>;

/** Each reads files of several parts one after the other, as the programs of these names write and read them. */
const UNPACKERS: Readonly<Record<Exclude<Wrapping, 'zip'>, (pieces: Pieces) => Pieces>> = {
  gzip: (pieces) => through(pieces, createGunzip({ chunkSize: PIECE_BYTES })),
  zstd: unpackZstd,
  bzip2: unpackInThread,
  xz: unpackXz,
};

/**
 * Unpacks a stream. Memory does not grow with it, nor with what becomes of a piece.
 * @throws LongshoreError `unpack-failed` when it is damaged or ends too early; what the pieces themselves throw
 */
export async function* unpacked(
  pieces: AsyncIterable<Buffer>,
  wrapping: Exclude<Wrapping, 'zip'>,
): AsyncGenerator<Buffer, void, undefined> {
  let fault: unknown;
  const watched = (async function* () {
    try {
      yield* pieces;
    } catch (error) {
      fault = error;
      throw error;
    }
  })();
  try {
    yield* UNPACKERS[wrapping](watched);
  } catch (cause) {
    if (fault !== undefined) throw fault;
    throw unpackFailed(wrapping, cause);
  }
}

/** @param cause its message is the format's own, without a byte of the file */
export function unpackFailed(wrapping: Wrapping, cause: unknown): LongshoreError {
  if (cause instanceof LongshoreError) return cause;
  const ends = (cause as NodeJS.ErrnoException).code === 'Z_BUF_ERROR';
  const why = ends ? `its ${wrapping} data ends in the middle` : messageOf(cause);
  return new LongshoreError('unpack-failed', `the file can not be unpacked by ${wrapping}: ${why}`, {
    cause,
  });
}

async function* through(pieces: Pieces, unpacker: ReturnType<typeof createGunzip>) {
  const source = Readable.from(pieces, { objectMode: false });
  source.on('error', (error) => unpacker.destroy(error));
  source.pipe(unpacker);
  try {
    for await (const piece of unpacker) yield piece as Buffer;
  } finally {
    source.destroy();
    unpacker.destroy();
  }
}

/**
 * Node's stream ends behind a frame that ends within what was written to it. What follows is another frame, or damage: it
 * goes to another stream, by how much of the last piece the first one took.
 */
async function* unpackZstd(pieces: Pieces) {
  const input = pieces[Symbol.asyncIterator]();
  try {
    let next = await input.next();
    while (!next.done) {
      const unpacker = createZstdDecompress({ chunkSize: PIECE_BYTES });
      const feed = async () => {
        while (!next.done) {
          const piece = next.value;
          const before = unpacker.bytesWritten;
          const { promise: written, resolve } = Promise.withResolvers<void>();
          unpacker.write(piece, () => resolve());
          await written;
          const taken = unpacker.bytesWritten - before;
          if (taken < piece.length) {
            next = { done: false, value: piece.subarray(taken) };
            return;
          }
          next = await input.next();
        }
        unpacker.end();
      };
      const feeding = feed();
      feeding.catch((error) => unpacker.destroy(error));
      try {
        for await (const piece of unpacker) yield piece as Buffer;
      } finally {
        unpacker.destroy();
      }
      await feeding;
    }
  } finally {
    await input.return?.();
  }
}

/** Codes of xz-embedded's `xz_ret`, which is all that the library tells. */
const XZ_FAULTS: Readonly<Record<string, string>> = {
  3: 'it needs more memory than is given',
  4: 'it needs more memory than is given',
  5: 'it is no xz file',
  6: 'its options are not supported (as its check may be, if it is SHA-256)',
  7: 'its data is damaged',
  8: 'it is damaged, or ends too early',
};

async function* unpackXz(pieces: Pieces) {
  const stream = new xz.XzReadableStream(ReadableStream.from(pieces) as ReadableStream<Uint8Array>);
  try {
    for await (const piece of stream as AsyncIterable<Uint8Array>) {
      yield Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    }
  } catch (error) {
    const [, code] = /code (\d+)$/.exec(error instanceof Error ? error.message : '') ?? [];
    throw code === undefined
      ? error
      : new Error(XZ_FAULTS[code] ?? `it is damaged (${code})`, { cause: error });
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
