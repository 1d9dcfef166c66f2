import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { access, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
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

/** With the compile cache: what is made of the code that is installed goes when `npm ci` installs another. */
const OF_CHECKOUT = fileURLToPath(new URL('../../node_modules/.cache/longshore/', import.meta.url));
/** Of earlier sources. A process that is just starting may still read one. */
const OLD_AFTER_MS = 24 * 60 * 60_000;

export interface BundlePlaces {
  /** Where the bundle is shared by every home of the checkout. */
  readonly shared?: string;
  /** Where it goes when `shared` can't be written, as in an image whose files belong to root. */
  readonly own: string;
}

/**
 * The workflows as one script. Making it takes seconds and some 150 MB, so a process of its own makes it, and it is
 * kept under a name that its sources and the locked packages decide.
 *
 * @returns the bundle's path
 */
export async function workflowBundle({ shared = OF_CHECKOUT, own }: BundlePlaces): Promise<string> {
  const name = `workflows-${await digest()}.js`;
  const found = [shared, own].map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  const folder = (await canWrite(shared)) ? shared : own;
  const path = join(folder, name);
  await promisify(execFile)(process.execPath, [MAKER, path], { env: toolEnvironment() });
  await removeOld(folder);
  return path;
}

async function canWrite(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!/^workflows-[0-9a-f]+\.js/.test(name)) continue;
    const path = join(folder, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (mtimeMs < Date.now() - OLD_AFTER_MS) await rm(path, { force: true });
  }
}

async function digest(): Promise<string> {
  const hash = createHash('sha256').update(await readFile(LOCK_FILE));
  const { workflowsPath, workflowInterceptorModules, payloadConverterPath } = BUNDLED;
  const sources = await modulesOf([workflowsPath, ...workflowInterceptorModules, payloadConverterPath]);
  for (const [, text] of [...sources].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(text).update('\0');
  return hash.digest('hex').slice(0, 16);
}

/** Ends a statement that names another module of ours. */
const OWN_MODULE = /'(\.[^']+)'$/;
/** Begins one that takes values from it; types are stripped and never bundled. */
const TAKES_VALUES = /^(?:import|export)\s(?!type\s)/m;

/** The texts of these modules and of all that they import, by URL. */
async function modulesOf(paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  const open = paths.map((path) => pathToFileURL(path).href);
  for (let url = open.pop(); url !== undefined; url = open.pop()) {
    if (texts.has(url)) continue;
    const text = await readFile(new URL(url), 'utf8');
    texts.set(url, text);
    for (const statement of text.split(';')) {
      const specifier = OWN_MODULE.exec(statement)?.[1];
      if (specifier !== undefined && TAKES_VALUES.test(statement)) open.push(new URL(specifier, url).href);
    }
  }
  return texts;
}
