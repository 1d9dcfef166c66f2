import { open, realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import type { CommandContext } from './context.ts';
import { CliError, EXIT } from './exit-codes.ts';

/** A file to send, or standard input. */
export interface Input {
  readonly name: string;
  /** Real, absolute path; null: standard input. */
  readonly path: string | null;
  /** null: not known (standard input, a pipe, a device). */
  readonly bytes: number | null;
  readonly pieces: Readable;
}

const PIECE_BYTES = 256 * 1024;

/**
 * @param file a path, or `-` for standard input, which is then called `stdinName`
 * @throws CliError `usage` when it can not be read
 */
export async function openInput(
  file: string,
  stdinName: string,
  { stdin, resolve }: CommandContext,
): Promise<Input> {
  if (file === '-') return { name: stdinName, path: null, bytes: null, pieces: stdin };
  try {
    const handle = await open(resolve(file));
    const stat = await handle.stat();
    if (stat.isDirectory()) {
      await handle.close();
      throw new Error('it is a folder');
    }
    return {
      name: basename(file),
      // A pipe of the shell's (`<(…)`) has no path of its own.
      path: await realpath(resolve(file)).catch(() => resolve(file)),
      // A pipe or a device has no size that means anything.
      bytes: stat.isFile() ? stat.size : null,
      pieces: handle.createReadStream({ highWaterMark: PIECE_BYTES }),
    };
  } catch (cause) {
    throw new CliError(EXIT.usage, `${file} can not be read: ${(cause as Error).message}`, { cause });
  }
}
