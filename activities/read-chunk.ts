import { OVERSIZE_PREVIEW_BYTES } from '../src/csv/survey.ts';
import { LongshoreError } from '../src/errors.ts';
import type { Storage } from '../src/storage/storage.ts';
import type { Chunk } from '../src/types.ts';

/** A chunk's bytes; only the beginning of an oversize one. */
export async function readChunk(storage: Storage, key: string, chunk: Chunk): Promise<Buffer> {
  const size = chunk.endByte - chunk.startByte;
  const wanted = chunk.oversize ? Math.min(size, OVERSIZE_PREVIEW_BYTES) : size;
  const bytes = await storage.read(key, chunk.startByte, chunk.startByte + wanted);
  if (bytes.length !== wanted) {
    throw new LongshoreError('file-changed', `${key} is shorter than when it was surveyed`);
  }
  return bytes;
}
