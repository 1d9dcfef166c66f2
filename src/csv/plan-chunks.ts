const MIB = 1024 * 1024;

/** The least a chunk aims for: below it the fixed cost of an activity and a COPY would show. */
export const MIN_CHUNK_BYTES = 4 * MIB;
/** The most a chunk aims for: a worker holds one in memory, plus a record. */
export const MAX_CHUNK_BYTES = 16 * MIB;

/**
 * How many bytes the chunk that begins at `position` aims for. Small chunks at the front of a file keep every
 * worker busy early and a small file spread over all of them; larger ones further on keep their number, and so
 * the workflow's history, low.
 */
export function chunkBytesAt(position: number): number {
  return Math.max(MIN_CHUNK_BYTES, Math.min(MAX_CHUNK_BYTES, Math.floor(position / 64)));
}
