import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { toolEnvironment } from '../runtime/environment.ts';

const WORKFLOWS = fileURLToPath(new URL('../../workflows/', import.meta.url));
const SEAL = fileURLToPath(new URL('../seal/', import.meta.url));
const INSTALLATION = fileURLToPath(new URL('../installation/', import.meta.url));
const LOCK_FILE = fileURLToPath(new URL('../../package-lock.json', import.meta.url));
const MAKER = fileURLToPath(new URL('make-workflow-bundle.ts', import.meta.url));

/** What the bundle is made of: the workflows, and what keeps them to values that are sealed. */
export const BUNDLED = {
  workflowsPath: join(WORKFLOWS, 'index.ts'),
  workflowInterceptorModules: [join(WORKFLOWS, 'sealed-calls.ts')],
  payloadConverterPath: join(SEAL, 'arrived.ts'),
};

/**
 * The workflows as one script. Making it takes seconds and some 150 MB, so a process of its own makes it, and it is
 * kept under a name that its sources and the locked packages decide.
 *
 * @returns the bundle's path
 */
export async function workflowBundle(cacheFolder: string): Promise<string> {
  const path = join(cacheFolder, `workflows-${await digest()}.js`);
  if (!existsSync(path)) {
    await promisify(execFile)(process.execPath, [MAKER, path], { env: toolEnvironment() });
  }
  return path;
}

async function digest(): Promise<string> {
  const hash = createHash('sha256').update(await readFile(LOCK_FILE));
  for (const folder of [WORKFLOWS, SEAL, INSTALLATION]) {
    for (const name of (await readdir(folder)).sort()) {
      hash.update(name).update(await readFile(join(folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}
