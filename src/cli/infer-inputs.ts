import { createReadStream } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { InferSource } from '../infer/infer.ts';
import type { CommandContext } from './context.ts';
import { CliError, EXIT } from './exit-codes.ts';

const PIECE_BYTES = 256 * 1024;

/** Files that are read more than once. */
export interface InferInputs extends AsyncDisposable {
  readonly sources: readonly InferSource[];
  /** Of all files together, as they are on disk. */
  readonly bytes: number;
}

/**
 * @param files paths, or `-` for standard input, which is kept in a temporary file until the end
 * @throws CliError `usage` when one can not be read
 */
export async function openInferInputs(
  files: readonly string[],
  { stdin, resolve }: CommandContext,
): Promise<InferInputs> {
  const kept: FileHandle[] = [];
  const close = async () => {
    for (const handle of kept) await handle.close();
  };
  try {
    const sources: InferSource[] = [];
    let bytes = 0;
    for (const file of files) {
      if (file === '-') {
        if (kept.length > 0)
          throw new CliError(EXIT.usage, 'standard input can be read once: "-" is there twice');
        const handle = await namelessFile();
        kept.push(handle);
        await writeFile(handle, stdin);
        const { size } = await handle.stat();
        bytes += size;
        sources.push({
          name: 'stdin.csv',
          open: () => readRange(handle, 0, size),
          bytes: size,
          range: (startByte, endByte) => readRange(handle, startByte, endByte),
        });
        continue;
      }
      const path = resolve(file);
      const size = await sizeOf(path, file);
      bytes += size;
      const read = (range = {}) =>
        createReadStream(path, { highWaterMark: PIECE_BYTES, ...range }) as AsyncIterable<Buffer>;
      sources.push({
        name: basename(path),
        open: () => read(),
        bytes: size,
        range: (start, endByte) => read({ start, end: endByte - 1 }),
      });
    }
    return { sources, bytes, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A temporary file without a name: however the process ends, no rows stay behind. */
async function namelessFile(): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-'));
  try {
    return await open(join(folder, 'stdin.csv'), 'wx+', 0o600);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Each reader has its own place in the file. */
async function* readRange(handle: FileHandle, startByte: number, endByte: number): AsyncGenerator<Buffer> {
  for (let at = startByte; at < endByte; ) {
    const wanted = Math.min(PIECE_BYTES, endByte - at);
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(wanted), 0, wanted, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function sizeOf(path: string, file: string): Promise<number> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new Error('it is a folder');
    if (!found.isFile()) throw new Error('it can be read only once; send it to standard input, as -');
    return found.size;
  } catch (cause) {
    throw new CliError(EXIT.usage, `${file} can not be read: ${(cause as Error).message}`, { cause });
  }
}
