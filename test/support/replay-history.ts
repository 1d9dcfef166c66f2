/**
 * Replays the history of a workflow with the code of today. The SDK does so in the main thread and without time
 * limits: a debugger stops at breakpoints in `workflows/`.
 *
 *     node test/support/replay-history.ts FILE
 *
 * FILE is one of `test/fixtures/histories/`, or what the Temporal Web UI downloads (Event History, Download). Payloads
 * that are sealed need the platform's key: LONGSHORE_PAYLOAD_KEY, or the one in LONGSHORE_HOME.
 */
import { readFile } from 'node:fs/promises';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { sealedWorkerOptions } from '../../activities/sealed-worker.ts';
import { readConfig } from '../../src/config.ts';
import { BUNDLED } from '../../src/temporal/workflow-bundle.ts';

const file = process.argv[2];
if (file === undefined) throw new Error('usage: replay-history.ts FILE');

const text = await readFile(file, 'utf8');
const history = JSON.parse(text);
const started = history.events[0].workflowExecutionStartedEventAttributes;
const sealed = text.includes('"seal"');
const workflowBundle = await bundleWorkflowCode({
  // Histories of before there were seals have none to be checked.
  ...(sealed ? BUNDLED : { workflowsPath: BUNDLED.workflowsPath }),
  logger: new DefaultLogger('ERROR'),
});
const options = sealed ? sealedWorkerOptions(readConfig()) : {};
// Seals are bound to the workflow's ID.
const id = started.workflowId ?? started.workflowType.name;
await Worker.runReplayHistory({ workflowBundle, ...options }, history, id);
console.log(`${file} replays: ${history.events.length} events of ${started.workflowType.name}`);
process.exit(0);
