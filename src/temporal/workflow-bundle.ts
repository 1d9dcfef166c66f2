import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const WORKFLOWS = fileURLToPath(new URL('../../workflows', import.meta.url));
const LOCK_FILE = fileURLToPath(new URL('../../package-lock.json', import.meta.url));
const MAKER = fileURLToPath(new URL('make-workflow-bundle.ts', import.meta.url));

/**
 * The workflows as one script. Making it takes seconds and some 150 MB, so a process of its own makes it, and it is
 * kept under a name that its sources and the locked packages decide.
 *
 * @returns the bundle's path
 */
export async function workflowBundle(cacheFolder: string): Promise<string> {
  const path = join(cacheFolder, `workflows-${await digest()}.js`);
  if (!existsSync(path)) {
    await promisify(execFile)(process.execPath, [MAKER, join(WORKFLOWS, 'index.ts'), path]);
  }
  return path;
}

async function digest(): Promise<string> {
  const hash = createHash('sha256').update(await readFile(LOCK_FILE));
  for (const name of (await readdir(WORKFLOWS)).sort()) {
    hash.update(name).update(await readFile(join(WORKFLOWS, name)));
  }
  return hash.digest('hex').slice(0, 16);
}
