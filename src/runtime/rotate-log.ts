import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { ProgressLog } from './logger.ts';

/** A log beyond this is put aside as `….1`, which has at most as much. */
const LOG_BYTES = 16 * 1024 * 1024;
const LOOK_EVERY_MS = 1_000;
const COPY_BYTES = 1024 * 1024;

/**
 * Keeps every log of a folder within bounds until the function that it returns is called.
 *
 * The processes write through descriptors that they inherited, so that they need nobody to read from a pipe, and go on
 * writing when the supervisor is killed. Such a file can't be renamed away from its writer: it is copied and emptied in
 * place, and the next line, appended, is its first.
 */
export function keepLogsShort(folder: string, log: ProgressLog): () => void {
  const failing = new Set<string>();
  const look = () => {
    for (const name of readdirSync(folder).filter((one) => one.endsWith('.log'))) {
      try {
        rotateLog(join(folder, name));
        failing.delete(name);
      } catch (error) {
        if (!failing.has(name)) log.warn(`${name} could not be put aside: ${(error as Error).message}`);
        failing.add(name);
      }
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}

/**
 * Puts a log aside when it is larger than `limit`: its last `limit` bytes become `….1`, in the place of the one before,
 * and it is empty. Lines that come while it is copied are copied as well; only one between the last look and the
 * emptying, microseconds, would be lost.
 *
 * @throws what the file system says; the log then stays, until it is twice as large: it is emptied at any rate then,
 *   as a full disk is the likeliest reason
 */
export function rotateLog(path: string, limit = LOG_BYTES): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= limit) return;
  const log = openSync(path, 'r+');
  try {
    copyEnd(log, `${path}.1`, size, limit);
    ftruncateSync(log);
  } catch (error) {
    if (size > 2 * limit) ftruncateSync(log);
    rmSync(`${path}.1`, { force: true });
    throw error;
  } finally {
    closeSync(log);
  }
}

function copyEnd(log: number, path: string, size: number, limit: number): void {
  const aside = openSync(path, 'w', 0o600);
  try {
    const piece = Buffer.alloc(COPY_BYTES);
    let at = Math.max(0, size - limit);
    let isWhole = at === 0;
    // A process that writes faster than this copies must not keep it from ending.
    while (at < size + limit) {
      const bytes = readSync(log, piece, 0, piece.length, at);
      if (bytes === 0) return;
      at += bytes;
      // The first line may have been cut.
      const start = isWhole ? 0 : piece.subarray(0, bytes).indexOf('\n') + 1;
      isWhole = true;
      for (let from = start; from < bytes; ) from += writeSync(aside, piece, from, bytes - from);
    }
  } finally {
    closeSync(aside);
  }
}
