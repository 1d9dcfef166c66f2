import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { toolEnvironment } from '../runtime/environment.ts';

const WORKFLOWS = fileURLToPath(new URL('../../workflows/', import.meta.url));
const SEAL = fileURLToPath(new URL('../seal/', import.meta.url));
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
  const { workflowsPath, workflowInterceptorModules, payloadConverterPath } = BUNDLED;
  const sources = await modulesOf([workflowsPath, ...workflowInterceptorModules, payloadConverterPath]);
  for (const [, text] of [...sources].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(text).update('\0');
  return hash.digest('hex').slice(0, 16);
}

/** Matches where a module takes values from another one of ours; types are stripped and never bundled. */
const OWN_IMPORT = /^(?:import|export)\s(?!type\s)[^;']*'(\.[^']+)'/gm;

/** The texts of these modules and of all that they import, by URL. */
export async function modulesOf(paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  const open = paths.map((path) => pathToFileURL(path).href);
  for (let url = open.pop(); url !== undefined; url = open.pop()) {
    if (texts.has(url)) continue;
    const text = await readFile(new URL(url), 'utf8');
    texts.set(url, text);
    for (const [, specifier] of text.matchAll(OWN_IMPORT)) open.push(new URL(specifier!, url).href);
  }
  return texts;
}
