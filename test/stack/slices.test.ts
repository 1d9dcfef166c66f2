import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { after, describe, it } from 'node:test';
import { MAX_BATCH_BYTES, MAX_BATCH_ROWS } from '../../src/batches/batch.ts';
import { inSlices } from '../../src/in-slices.ts';
import { longestSliceOf } from '../support/longest-slice.ts';
import { testStack } from '../support/stack.ts';

/**
 * Processor time; a tenth to a third of it on a machine of its own. What it guards against took 0.2 to 0.7 s, or as long
 * as it takes to read such a body at once, which is what it may not take where processors are slower or shared.
 */
const LONGEST_MS = 200;
/** The garbage collector may come in between: the best of so many counts. */
const TRIES = 3;

/** As large as a batch may be. */
const filled = (start: string, repeat: string, end: string) =>
  start + repeat.repeat((MAX_BATCH_BYTES - start.length - end.length) / repeat.length) + end;
const rowLength = MAX_BATCH_BYTES / MAX_BATCH_ROWS - 40;
const rows = (row: (index: number) => string) =>
  Array.from({ length: MAX_BATCH_ROWS }, (_, index) => row(index)).join('\n');

const WHOLE_BODY = JSON.stringify(rows((index) => `${index},"${'""y'.repeat(rowLength / 3)}"`));
const readAtOnce = async () => {
  JSON.stringify(JSON.parse(WHOLE_BODY));
};

interface Attack {
  readonly name: string;
  readonly type: string;
  readonly body: string;
  readonly status: number;
}

const attacks: readonly Attack[] = [
  { name: 'quotes', type: 'text/csv', body: filled('', '"', ''), status: 422 },
  { name: 'quotes in a cell', type: 'text/csv', body: filled('', 'a"', ''), status: 422 },
  { name: 'a quote that never closes', type: 'text/csv', body: filled('"', 'a,', ''), status: 413 },
  {
    name: 'bad rows with quotes',
    type: 'text/csv',
    body: rows(() => `x,"${'""y'.repeat(rowLength / 3)}"`),
    status: 422,
  },
  {
    name: 'good rows with quotes',
    type: 'text/csv',
    body: rows((index) => `${index},"${'""y'.repeat(rowLength / 3)}"`),
    status: 201,
  },
  { name: 'control characters', type: 'text/csv', body: filled('', '\u0001', ''), status: 413 },
  {
    name: 'a number of many digits',
    type: 'application/json',
    body: filled('[{"id":', '1', ',"department":"x"}]'),
    status: 422,
  },
  {
    name: 'JSON that ends too early',
    type: 'application/json',
    body: filled('[{"id":1,"department":"', '\\n', ''),
    status: 400,
  },
  {
    name: 'bad rows with backslashes',
    type: 'application/x-ndjson',
    body: rows(() => `{"id":"x","department":"${'\\\\'.repeat(rowLength / 2)}"}`),
    status: 422,
  },
];

describe('a request as large as it may be', async () => {
  const { url, key, post, get } = await testStack({ after }, undefined, { worker: false });

  /** Takes the answer without keeping it: this thread is the one that is measured. */
  async function ask(path: string, method: string, type = '', body = Buffer.alloc(0)) {
    const headers = { 'x-api-key': key, 'content-type': type, 'content-length': body.length };
    const sent = request(url + path, { method, headers }).end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    await once(answer.resume(), 'end');
    return answer;
  }

  async function measure(work: () => Promise<unknown>): Promise<void> {
    let [best, limit] = [Number.POSITIVE_INFINITY, LONGEST_MS];
    for (let run = 0; run < TRIES && best >= limit; run++) {
      best = Math.min(best, await longestSliceOf(work));
      limit = Math.max(limit, await longestSliceOf(readAtOnce));
    }
    assert.ok(best < limit, `everybody else waited for ${best} ms of ${limit}`);
  }

  for (const { name, type, body, status } of attacks) {
    it(`leaves the event loop to others while a batch is read, committed and answered: ${name}`, async () => {
      const bytes = Buffer.from(body);
      let batch: string | undefined;
      await measure(async () => {
        const answer = await ask('/v1/tables/departments/rows?mode=merge', 'POST', type, bytes);
        assert.equal(answer.statusCode, status);
        batch = answer.headers.location;
      });
      if (batch === undefined) return;
      for (const format of ['json', 'csv']) {
        await measure(async () => {
          const answer = await ask(`${batch}/rejects?format=${format}`, 'GET');
          assert.equal(answer.statusCode, 200);
        });
      }
    });
  }

  it('leaves the event loop to others while a restore of a million keys is refused', async () => {
    const keys = Buffer.from(`{"backup":"latest","keys":[${'1,'.repeat(2_000_000)}1]}`);
    await measure(async () => {
      const answer = await ask('/v1/tables/departments/restore', 'POST', 'application/json', keys);
      assert.equal(answer.statusCode, 400);
    });
  });

  it('is refused when rows of CSV would be several times as large as JSON, and says so', async () => {
    const answer = await fetch(`${url}/v1/tables/departments/rows`, {
      method: 'POST',
      headers: { 'x-api-key': key, 'content-type': 'text/csv' },
      body: filled('1,', '\u0001', ''),
    });
    const { code, detail } = (await answer.json()) as { readonly code: string; readonly detail: string };
    assert.equal(code, 'batch-too-large');
    assert.match(detail, /at most 16777216 bytes as JSON/);
  });

  it('keeps each rejected row of a batch as it was sent, whatever characters the rows before it have', async () => {
    const sent = ['ä"1', '€\\2', '\u{1f600}\n3', '\u00004'].map((id) => ({ id, department: 'é"\\' }));
    const answer = await post('/v1/tables/departments/rows', sent);
    const { batch } = answer.body as unknown as { readonly batch: { readonly id: string } };
    const { body } = await get(`/v1/batches/${batch.id}/rejects`);
    const { rejects } = body as unknown as { readonly rejects: readonly { readonly row: unknown }[] };
    assert.deepEqual(
      rejects.map(({ row }) => row),
      sent,
    );
  });
});

describe('work in slices', () => {
  it('lets others run in between, one slice a turn of the event loop in all', async () => {
    let turns = 0;
    let running = true;
    const count = () => {
      turns += 1;
      if (running) setImmediate(count);
    };
    setImmediate(count);
    const slicesInTurn = new Map<number, Set<number>>();
    function* work(worker: number) {
      for (let slice = 0; slice < 5; slice++) {
        const untilMs = performance.now() + 30;
        while (performance.now() < untilMs);
        // Not the first slice of all: everybody begins at once.
        if (slice > 0) slicesInTurn.set(turns, (slicesInTurn.get(turns) ?? new Set()).add(worker));
        yield;
      }
      return worker;
    }
    assert.deepEqual(await Promise.all([1, 2, 3].map((worker) => inSlices(work(worker)))), [1, 2, 3]);
    running = false;
    assert.ok(slicesInTurn.size >= 12, `${slicesInTurn.size} turns`);
    for (const workers of slicesInTurn.values()) assert.equal(workers.size, 1);
  });
});
