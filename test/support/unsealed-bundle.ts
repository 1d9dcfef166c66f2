import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { workflowBundle } from '../../src/temporal/workflow-bundle.ts';

const WORKFLOWS = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/longshore-test/', import.meta.url));
/** Of earlier sources. Another run may still read one. */
const OLD_AFTER_MS = 60 * 60_000;

/**
 * The workflows without what seals their values, for tests of workflows alone. Making it takes seconds, so that it is
 * made once for all files, and again when a source or a package of the product's own bundle is another one.
 */
export async function unsealedBundle(): Promise<{ readonly codePath: string }> {
  const sealed = await workflowBundle({ own: CACHE });
  const codePath = join(CACHE, `unsealed-${basename(sealed)}`);
  if (existsSync(codePath)) return { codePath };
  const { code } = await bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger: new DefaultLogger('ERROR') });
  await mkdir(CACHE, { recursive: true });
  const unfinished = `${codePath}.${randomBytes(6).toString('hex')}`;
  await writeFile(unfinished, code);
  await rename(unfinished, codePath);
  await removeOld();
  return { codePath };
}

async function removeOld(): Promise<void> {
  for (const name of await readdir(CACHE)) {
    const path = join(CACHE, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (mtimeMs < Date.now() - OLD_AFTER_MS) await rm(path, { force: true });
  }
}
