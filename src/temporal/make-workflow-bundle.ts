import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/** `node make-workflow-bundle.ts WORKFLOWS BUNDLE`: writes the bundle, whole or not at all. */
const [workflowsPath, path] = process.argv.slice(2);
if (!workflowsPath || !path) throw new Error('usage: make-workflow-bundle.ts WORKFLOWS BUNDLE');
const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
await mkdir(dirname(path), { recursive: true });
const unfinished = `${path}.${process.pid}`;
await writeFile(unfinished, code);
await rename(unfinished, path);
