import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
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
  const folders: string[] = [];
  const remove = async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  };
  try {
    const sources: InferSource[] = [];
    let bytes = 0;
    for (const file of files) {
      let path = resolve(file);
      if (file === '-') {
        const folder = await mkdtemp(join(tmpdir(), 'longshore-'));
        folders.push(folder);
        path = join(folder, 'stdin.csv');
        await pipeline(stdin, createWriteStream(path));
      }
      bytes += await sizeOf(path, file);
      const open = () => createReadStream(path, { highWaterMark: PIECE_BYTES }) as AsyncIterable<Buffer>;
      sources.push({ name: file === '-' ? 'stdin.csv' : basename(path), open });
    }
    return { sources, bytes, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
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
