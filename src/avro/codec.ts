import type { Transform } from 'node:stream';
import zlib from 'node:zlib';

import { freeMemory } from '../free-memory.ts';

/**
 * Bytes of a block before compression. With a million hires (30.4 MB plain, zstandard), 64 KiB cost nearly twice the
 * CPU to compress and four times to decompress; above 1 MiB neither time nor size gains anything.
 */
export const BLOCK_BYTES = 2 ** 20;
/**
 * The longest row that a file carries, as Avro: room for the longest record that a load takes, twice over, and a
 * numeric of the most digits in each of the 1600 columns that a table of PostgreSQL may have.
 */
export const MAX_ROW_BYTES = 2 ** 28;
/**
 * The longest block that is read, compressed or not. The row that fills a block ends it, so that none of ours is
 * larger; the rest is room for what compression adds to bytes that it can't shrink (at most 1/256).
 */
export const MAX_BLOCK_BYTES = MAX_ROW_BYTES + 4 * BLOCK_BYTES;

/** Blocks that the thread pool works on at once: it has four threads. */
export const BLOCKS_AHEAD = 4;

/** A block in a single piece: with pieces of 64 KiB, decompressing takes nearly twice as long. */
const OUTPUT_CHUNK_BYTES = 1_280 * 1024;
/**
 * CPU to compress a million hires, and their size. zstandard: level 1 0.18 s, 21.2 MB; 2 0.20 s, 18.6 MB; 3 0.29 s,
 * 17.3 MB. deflate: level 1 0.61 s, 18.3 MB; 2 0.65 s, 18.2 MB; 3 0.73 s, 18.1 MB.
 */
const ZSTD_LEVEL = 2;
const DEFLATE_LEVEL = 1;

interface BlockCodec {
  /** In pieces, with memory of their own; without compression, the block itself. */
  compress(block: Buffer): Promise<readonly Buffer[]>;
  /**
   * In memory of its own; without compression, the block itself.
   * @throws what zlib throws for bytes that it can't read, and for those that grow above `MAX_BLOCK_BYTES`
   */
  decompress(block: Buffer): Promise<Buffer>;
}

/** A block's bytes by each codec (Avro 1.12, "Required Codecs" and "zstandard"), in the thread pool. */
export const BLOCK_CODECS: Readonly<Record<Codec, BlockCodec>> = {
  zstandard: {
    compress: (block) =>
      outputOf(
        zlib.createZstdCompress({
          params: { [zlib.constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
          pledgedSrcSize: block.length,
          chunkSize: OUTPUT_CHUNK_BYTES,
        }),
        block,
      ),
    decompress: async (block) =>
      joined(await outputOf(zlib.createZstdDecompress({ chunkSize: OUTPUT_CHUNK_BYTES }), block)),
  },
  deflate: {
    compress: (block) =>
      outputOf(zlib.createDeflateRaw({ level: DEFLATE_LEVEL, chunkSize: OUTPUT_CHUNK_BYTES }), block),
    decompress: async (block) =>
      joined(await outputOf(zlib.createInflateRaw({ chunkSize: OUTPUT_CHUNK_BYTES }), block)),
  },
  null: { compress: async (block) => [block], decompress: async (block) => block },
};

/** What zlib's own functions for a whole buffer give is a copy: the first one would be left to the garbage collector. */
function outputOf(stream: Transform, bytes: Buffer): Promise<readonly Buffer[]> {
  const pieces: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    stream.on('data', (piece: Buffer) => {
      pieces.push(piece);
      length += piece.length;
      if (length > MAX_BLOCK_BYTES) stream.destroy(new RangeError(`more than ${MAX_BLOCK_BYTES} bytes`));
    });
    stream.on('end', () => resolve(pieces));
    stream.on('error', reject);
    stream.end(bytes);
  });
}

/** Almost always there is one. */
function joined(pieces: readonly Buffer[]): Buffer {
  if (pieces.length === 1) return pieces[0]!;
  const all = Buffer.allocUnsafeSlow(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) at += piece.copy(all, at);
  for (const piece of pieces) freeMemory(piece);
  return all;
}

/** How the blocks of a part are compressed, by the names of the Avro specification. */
export const CODECS = ['deflate', 'zstandard', 'null'] as const;

export type Codec = (typeof CODECS)[number];

/**
 * A backup is worth what can read it: of the codecs that compress, every reader has this one, and DuckDB, polars and
 * fastavro by itself have no zstandard (`npm run judge -- avro` reads each with each). It also makes the smaller files;
 * zstandard takes less time (`npm run bench -- backup`).
 */
export const DEFAULT_CODEC: Codec = 'deflate';
