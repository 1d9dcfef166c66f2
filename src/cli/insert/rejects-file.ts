import { type FileHandle, open, rename } from 'node:fs/promises';
import type { CommandContext } from '../context.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import type { LineReject } from './plan-batches.ts';

/** Takes rejects, in the order of their lines. */
export interface RejectsFile {
  write(rejects: readonly LineReject[]): Promise<void>;
  /** `whole`: every batch was answered. Else the file keeps its unfinished name: it would look like all rejects. */
  close(whole: boolean): Promise<void>;
}

export const noRejectsFile: RejectsFile = { write: async () => undefined, close: async () => undefined };

/**
 * NDJSON, an object a reject: `line`, `row` (as it was sent, digit by digit), `errors`.
 * @throws CliError `usage` when it can not be made
 */
export async function openRejectsFile(path: string, { resolve }: CommandContext): Promise<RejectsFile> {
  const file = resolve(path);
  const part = `${file}.part`;
  let handle: FileHandle;
  try {
    handle = await open(part, 'w');
  } catch (cause) {
    throw new CliError(EXIT.usage, `${path} can not be written: ${(cause as Error).message}`, { cause });
  }
  return {
    async write(rejects) {
      if (rejects.length > 0) await handle.appendFile(rejects.map(ndjsonLine).join(''));
    },
    async close(whole) {
      await handle.close();
      if (whole) await rename(part, file);
    },
  };
}

function ndjsonLine({ line, row, errors }: LineReject): string {
  return `{"line":${line},"row":${row},"errors":${JSON.stringify(errors)}}\n`;
}
