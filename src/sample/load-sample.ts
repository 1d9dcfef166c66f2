import { setTimeout as sleep } from 'node:timers/promises';
import { create as contentDisposition } from 'content-disposition';
import type { LoadView } from '../loads/load-view.ts';
import { BUNDLED_SAMPLE, departmentsCsv, hiresCsv, jobsCsv } from './generate.ts';

export interface LoadSampleOptions {
  readonly apiUrl: string;
  readonly adminKey: string;
  readonly log: (message: string) => void;
}

export interface SampleLine {
  readonly table: string;
  readonly loaded: number;
  readonly rejected: number;
}

/** Those of the sample's dictionary, referenced ones first. */
export const SAMPLE_TABLES = ['departments', 'jobs', 'hired_employees'] as const;

const WAIT_SECONDS = 60;

/**
 * Loads the bundled sample as any user would: three CSVs over HTTP, referenced tables first. Asking again finds the
 * loads of the first time.
 *
 * @throws Error when a load does not end well
 */
export async function loadSample({
  apiUrl,
  adminKey,
  log,
}: LoadSampleOptions): Promise<readonly SampleLine[]> {
  const files: readonly (readonly [string, Buffer])[] = [
    ['departments', departmentsCsv(BUNDLED_SAMPLE)],
    ['jobs', jobsCsv(BUNDLED_SAMPLE)],
    ['hired_employees', Buffer.concat([...hiresCsv(BUNDLED_SAMPLE)])],
  ];
  const lines: SampleLine[] = [];
  for (const [table, csv] of files) {
    const load = await post(`${apiUrl}/v1/tables/${table}/loads`, adminKey, `${table}.csv`, csv);
    const ended = await untilEnded(`${apiUrl}/v1/loads/${load.id}`, adminKey, load);
    if (ended.status !== 'done') {
      throw new Error(
        `the sample's load ${ended.id} into ${table} ${ended.status}: ${ended.error?.message ?? ''}`,
      );
    }
    log(`load ${ended.id}: ${table}.csv into ${table}`);
    lines.push({ table, loaded: ended.rows.loaded, rejected: ended.rows.rejected });
  }
  return lines;
}

async function post(url: string, key: string, name: string, csv: Buffer): Promise<LoadView> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'x-api-key': key,
      'content-type': 'text/csv',
      'content-disposition': contentDisposition(name),
      prefer: `wait=${WAIT_SECONDS}`,
    },
    body: new Uint8Array(csv),
  });
  return read(response);
}

async function untilEnded(url: string, key: string, first: LoadView): Promise<LoadView> {
  let load = first;
  while (load.finishedAt === null) {
    await sleep(500);
    load = await read(await fetch(url, { headers: { 'x-api-key': key } }));
  }
  return load;
}

async function read(response: Response): Promise<LoadView> {
  const body = (await response.json()) as LoadView & { detail?: string };
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${body.detail ?? ''}`);
  return body;
}
