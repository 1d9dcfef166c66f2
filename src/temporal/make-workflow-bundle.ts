import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { BUNDLED } from './workflow-bundle.ts';

/** `node make-workflow-bundle.ts BUNDLE`: writes the bundle, whole or not at all. */
const [path] = process.argv.slice(2);
if (!path) throw new Error('usage: make-workflow-bundle.ts BUNDLE');
const { code } = await bundleWorkflowCode({ ...BUNDLED, logger: new DefaultLogger('WARN') });
await mkdir(dirname(path), { recursive: true });
const unfinished = `${path}.${process.pid}`;
await writeFile(unfinished, code);
await rename(unfinished, path);
