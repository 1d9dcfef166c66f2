import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from './client.ts';

/** IDs of departments that hires refer to are below. */
const FIRST_ID = 1_000_000;
const ROWS = 1_500;
const ANSWER_LIMIT_MS = 90_000;
/** The file in so many pieces: an upload takes its time. */
const PIECES = 6;
const PIECE_EVERY_MS = 60;

interface Load {
  readonly id: number;
  readonly status: string;
  readonly rows: { readonly loaded: number; readonly rejected: number };
}

export interface LoadLog {
  readonly done: Load[];
  /** How often a file was sent again, by reason. */
  readonly retries: Map<string, number>;
}

/** Uploads one file after the other, slowly, each until its load is done: the same file sent again is the same load. */
export async function loadUntil(over: AbortSignal, target: Target, log: LoadLog): Promise<void> {
  for (let file = 0; !over.aborted; file++) {
    const first = FIRST_ID + file * ROWS;
    const lines = Array.from({ length: ROWS }, (_, at) => `${first + at},Department ${first + at}\n`);
    // One reject a file.
    const csv = `x,Bad ${file}\n${lines.join('')}`;
    const load = await insist(target, csv, log);
    assert.deepEqual(
      [load.status, load.rows.loaded, load.rows.rejected],
      ['done', ROWS, 1],
      JSON.stringify(load),
    );
    log.done.push(load);
  }
}

/** Tables hold what the loads said, each file once. @returns the number of rows */
export function expectedRows(log: LoadLog): number {
  assert.equal(new Set(log.done.map(({ id }) => id)).size, log.done.length, 'two files are one load');
  return log.done.length * ROWS;
}

async function insist(target: Target, csv: string, { retries }: LoadLog): Promise<Load> {
  const deadline = Date.now() + ANSWER_LIMIT_MS;
  for (;;) {
    const { status, load } = await upload(target, csv);
    if (load?.status === 'done') return load;
    assert.ok(Date.now() < deadline, `no load was done: ${status}`);
    if (load === null) {
      retries.set(String(status), (retries.get(String(status)) ?? 0) + 1);
      await sleep(200);
      continue;
    }
    assert.ok(!['failed', 'cancelled'].includes(load.status), JSON.stringify(load));
    await sleep(100);
  }
}

/** null: no load began, as far as can be told. */
async function upload(target: Target, csv: string): Promise<{ status: number | string; load: Load | null }> {
  try {
    const response = await fetch(`${target.url}/v1/tables/departments/loads`, {
      method: 'POST',
      headers: { 'x-api-key': target.key, 'content-type': 'text/csv', prefer: 'wait=20' },
      body: slowly(Buffer.from(csv)),
      duplex: 'half',
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    } as RequestInit);
    const text = await response.text();
    if (response.status < 300) return { status: response.status, load: JSON.parse(text) as Load };
    assert.ok(response.status >= 500, `${response.status} ${text}`);
    return { status: /"code":"([\w-]+)"/.exec(text)?.[1] ?? response.status, load: null };
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return { status: 'no answer', load: null };
  }
}

function slowly(bytes: Buffer): ReadableStream<Uint8Array> {
  const size = Math.ceil(bytes.length / PIECES);
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      if (at > 0) await sleep(PIECE_EVERY_MS);
      if (at >= bytes.length) return controller.close();
      controller.enqueue(new Uint8Array(bytes.subarray(at, at + size)));
      at += size;
    },
  });
}
