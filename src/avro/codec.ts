import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { Codec } from '../backups/backup.ts';

/**
 * PostgreSQL sends no row above 1 GiB, and a block of ours ends with the row that fills it: no good block is larger.
 */
export const MAX_BLOCK_BYTES = 2 ** 30 + 2 ** 24;

/** Blocks that the thread pool works on at once: it has four threads. */
export const BLOCKS_AHEAD = 4;

/** Most blocks in a single piece: every further one is another trip to the thread pool. */
const OUTPUT_CHUNK_BYTES = 1_280 * 1024;
/** Both measured on hires: higher levels take several times as long for a few percent. */
const ZSTD_LEVEL = 1;
const DEFLATE_LEVEL = 1;

const zstdCompress = promisify(zlib.zstdCompress);
const zstdDecompress = promisify(zlib.zstdDecompress);
const deflateRaw = promisify(zlib.deflateRaw);
const inflateRaw = promisify(zlib.inflateRaw);

interface BlockCodec {
  compress(block: Buffer): Promise<Buffer>;
  /** @throws what zlib throws for bytes that it can't read, or that grow above `MAX_BLOCK_BYTES` */
  decompress(block: Buffer): Promise<Buffer>;
}

const reading = { maxOutputLength: MAX_BLOCK_BYTES, chunkSize: OUTPUT_CHUNK_BYTES };

/** A block's bytes by each codec (Avro 1.12, "Required Codecs" and "zstandard"), in the thread pool. */
export const BLOCK_CODECS: Readonly<Record<Codec, BlockCodec>> = {
  zstandard: {
    compress: (block) =>
      zstdCompress(block, {
        params: { [zlib.constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
        pledgedSrcSize: block.length,
        chunkSize: OUTPUT_CHUNK_BYTES,
      }),
    decompress: (block) => zstdDecompress(block, reading),
  },
  deflate: {
    compress: (block) => deflateRaw(block, { level: DEFLATE_LEVEL, chunkSize: OUTPUT_CHUNK_BYTES }),
    decompress: (block) => inflateRaw(block, reading),
  },
  null: { compress: async (block) => block, decompress: async (block) => block },
};
