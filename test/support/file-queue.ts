import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The test files of folders, handed out one by one to whoever asks: folder by folder, the largest first, so that the
 * last ones are short and all processes end at about the same time.
 */
export class FileQueue {
  readonly #paths: string[];

  /** @param folders without those in them that have no test files */
  constructor(folders: readonly string[]) {
    this.#paths = folders.flatMap(testFiles);
  }

  /** @returns a path below the folder that it was found in; undefined: all were handed out */
  next(): string | undefined {
    return this.#paths.shift();
  }
}

function testFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => ({ path: join(folder, name), size: statSync(join(folder, name)).size }))
    .sort((a, b) => b.size - a.size)
    .map(({ path }) => path);
}
