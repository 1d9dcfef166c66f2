import { resolve } from 'node:path';
import { after, describe } from 'node:test';
import { pathToFileURL } from 'node:url';
import { endWhenOver } from './still-open.ts';
import { setTestFile } from './test-file.ts';

/** Longer than a file takes on a slow machine: a test that hangs fails instead of holding up the run. */
const FILE_TIMEOUT_MS = 600_000;

/**
 * One of the processes that share the files of a run: it takes a file, runs its tests, takes the next. Loading the
 * platform's modules and warming up costs more CPU than most files do, and a process a file would pay that each time.
 * A file is a suite here, in which its tests are as they are in a process of their own.
 *
 * @param url answers with the path of the next file, or 204 when there is none left
 */
export async function runShare(url: string): Promise<void> {
  for (let path = await next(url); path !== null; path = await next(url)) await runFile(path);
  endWhenOver();
}

async function next(url: string): Promise<string | null> {
  const response = await fetch(url, { method: 'POST' });
  if (!response.ok) throw new Error(`the test run does not hand out its files (${response.status})`);
  return response.status === 204 ? null : response.text();
}

/** Resolves when all tests of the file are over. */
async function runFile(path: string): Promise<void> {
  const over = Promise.withResolvers<void>();
  setTestFile(path);
  describe(path, { timeout: FILE_TIMEOUT_MS }, async () => {
    try {
      await import(pathToFileURL(resolve(path)).href);
    } finally {
      after(() => over.resolve());
    }
  });
  await over.promise;
}
