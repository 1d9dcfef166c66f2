import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { type ReplayWorkerOptions, Worker } from '@temporalio/worker';

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

export interface RecordedHistory {
  readonly name: string;
  readonly history: unknown;
}

export async function recordedHistories(): Promise<RecordedHistory[]> {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.json')).sort();
  return Promise.all(
    names.map(async (name) => ({ name, history: JSON.parse(await readFile(new URL(name, FOLDER), 'utf8')) })),
  );
}

/**
 * Replays histories one after the other on one worker, whose start costs more than a replay.
 *
 * @param idOf the ID of the workflow that a history is of; only seals need the real one
 * @returns the names of the histories that the workflows do not replay, with the reason of each
 */
export async function replayFaults(
  options: ReplayWorkerOptions,
  recorded: readonly RecordedHistory[],
  idOf: (history: RecordedHistory) => string = ({ name }) => name,
): Promise<Readonly<Record<string, string>>> {
  const faults: Record<string, string> = {};
  const histories = recorded.map((one) => ({ workflowId: idOf(one), history: one.history }));
  let replayed = 0;
  for await (const { error } of Worker.runReplayHistories(options, histories)) {
    const { name } = recorded[replayed++]!;
    if (error) faults[name] = error.message;
  }
  for (const { name } of recorded.slice(replayed)) faults[name] = 'was not replayed';
  return faults;
}
