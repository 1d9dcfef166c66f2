import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type Logger } from '@temporalio/worker';

const WORKFLOWS = fileURLToPath(new URL('../../workflows', import.meta.url));
const LOCK_FILE = fileURLToPath(new URL('../../package-lock.json', import.meta.url));

/**
 * The workflows as one script. Making it takes seconds, so it is kept under a name that its sources and the locked
 * packages decide.
 *
 * @returns the bundle's path
 */
export async function workflowBundle(cacheFolder: string, logger: Logger): Promise<string> {
  const path = join(cacheFolder, `workflows-${await digest()}.js`);
  if (await exists(path)) return path;
  const { code } = await bundleWorkflowCode({ workflowsPath: join(WORKFLOWS, 'index.ts'), logger });
  await mkdir(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  await writeFile(unfinished, code);
  await rename(unfinished, path);
  return path;
}

async function digest(): Promise<string> {
  const hash = createHash('sha256').update(await readFile(LOCK_FILE));
  for (const name of (await readdir(WORKFLOWS)).sort()) {
    hash.update(name).update(await readFile(join(WORKFLOWS, name)));
  }
  return hash.digest('hex').slice(0, 16);
}

async function exists(path: string): Promise<boolean> {
  return readFile(path).then(
    () => true,
    () => false,
  );
}
