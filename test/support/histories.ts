import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

const FOLDER = new URL('../fixtures/histories/', import.meta.url);

/** Fields that only say where and when something ran. */
const PLACES = new Set([
  'identity',
  'stackTrace',
  'workerVersion',
  'binaryChecksum',
  'deploymentName',
  'buildId',
]);

/**
 * With RECORD_HISTORIES=1, keeps a run's history as a fixture that later versions have to replay. A recorded one is
 * never recorded over: a workflow that changes gets new fixtures beside the old ones.
 */
export async function recordHistory(
  client: Client,
  name: string,
  workflowId: string,
  runId?: string,
): Promise<void> {
  if (process.env.RECORD_HISTORIES !== '1') return;
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const json = JSON.stringify(
    JSON.parse(historyToJSON(history)),
    (key, value) => (PLACES.has(key) || isProcess(value) ? undefined : value),
    1,
  );
  await writeFile(new URL(`${name}.json`, FOLDER), `${json}\n`, { flag: 'wx' });
}

/** `pid@host`: the SDK's name for a process, also in places that are not called identity. */
function isProcess(value: unknown): boolean {
  return typeof value === 'string' && /^\d+@/.test(value);
}

export async function recordedHistories(): Promise<{ name: string; history: unknown }[]> {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.json')).sort();
  return Promise.all(
    names.map(async (name) => ({ name, history: JSON.parse(await readFile(new URL(name, FOLDER), 'utf8')) })),
  );
}
