import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { LongshoreError } from '../../src/errors.ts';
import { startTestApi, type TestApi } from '../support/api-fakes.ts';
import { batchView } from '../support/fake-batches.ts';

interface Body {
  readonly batches: readonly { readonly id: string }[];
  readonly rejects: readonly { readonly index: number }[];
  readonly next: string;
  readonly table: string;
  readonly accepted: number;
  readonly code: string;
  readonly detail: string;
}

const ROWS = '/v1/tables/jobs/rows';
const ID = '01990000-0000-7000-8000-000000000000-0';
const REJECT = {
  index: 1,
  // A number that a double can't hold, and a member twice: what was sent comes back as it was.
  row: '{"id":12345678901234567890.10,"job":"a","job":null}',
  errors: [{ code: 'type-error', field: 'id', message: 'expected an integer' }],
} as const;

describe('sending a batch', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = await startTestApi();
  });
  afterEach(() => api[Symbol.asyncDispose]());

  async function send(
    headers: Record<string, string> = {},
    path = ROWS,
    body: NonNullable<RequestInit['body']> = '[{"id":1}]',
  ) {
    const init = { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } };
    const response = await api.call(path, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: text ? JSON.parse(text) : null };
  }
  const sent = () => api.batches.sent[0]!;

  it('answers 201 with where the batch is when every row went in', async () => {
    const { status, headers, body } = await send();
    assert.equal(status, 201);
    assert.equal(headers.get('location'), `/v1/batches/${ID}`);
    assert.equal(headers.get('preference-applied'), null);
    assert.deepEqual(
      [body.id, body.workflowId, body.status, body.accepted, body.rejected],
      [ID, batchView(ID).workflowId, 'done', 3, []],
    );
    assert.equal(body.links.rejects, `/v1/batches/${ID}/rejects`);
    assert.match(body.links.temporal, /\/workflows\/batches-/);
    const { table, ...rest } = sent();
    assert.equal(table.name, 'jobs');
    assert.deepEqual(rest, {
      mode: 'append',
      format: 'json',
      strict: false,
      body: '[{"id":1}]',
      sentBy: 'a1',
      idempotencyKey: null,
    });
    assert.equal(api.batches.waitedMs, 30_000);
  });

  it('answers 200 with the rejects, as they were sent, when some rows went in', async () => {
    api.batches.outcome = { rejects: [REJECT] };
    const { status, text, body } = await send();
    assert.equal(status, 200);
    assert.ok(text.includes(`"row":${REJECT.row},`), text);
    assert.deepEqual(body.rows, { sent: 3, accepted: 2, rejected: 1, discarded: 0 });
    assert.deepEqual(body.rejected[0].errors, REJECT.errors);
  });

  it('answers with a problem when none went in, and that repeats word for word', async () => {
    api.batches.outcome = { rejects: [REJECT, REJECT, REJECT] };
    const first = await send({ 'idempotency-key': 'known' });
    assert.equal(first.status, 422);
    assert.equal(first.headers.get('content-type'), 'application/problem+json; charset=utf-8');
    assert.equal(first.headers.get('location'), `/v1/batches/${ID}`);
    assert.equal(first.headers.get('idempotency-replayed'), 'true');
    assert.deepEqual(
      [first.body.code, first.body.batch.id, first.body.rejected.length],
      ['batch-rejected', ID, 3],
    );
    assert.ok(first.text.includes(REJECT.row));
    assert.equal(first.body.requestId, undefined);
  });

  it('answers 202 with the running batch when it takes longer than the client waits', async () => {
    api.batches.outcome = { running: true };
    const { status, headers, body } = await send({ prefer: 'respond-async' });
    assert.equal(status, 202);
    assert.equal(api.batches.waitedMs, 0);
    assert.equal(headers.get('preference-applied'), 'respond-async');
    assert.equal(headers.get('location'), `/v1/batches/${ID}`);
    assert.deepEqual([body.status, body.rejected], ['running', undefined]);
    await send({ prefer: 'respond-async, wait=2' });
    assert.equal(api.batches.waitedMs, 2_000);
  });

  it('says which preferences it honoured', async () => {
    const { headers } = await send({
      prefer:
        'handling=strict; x, wait=900, return=representation, resolution=merge-duplicates, respond-async, foo',
    });
    assert.equal(
      headers.get('preference-applied'),
      'handling=strict, wait=50, return=representation, resolution=merge-duplicates',
    );
    assert.match(headers.get('vary') ?? '', /Prefer/);
    assert.equal(sent().strict, true);
    assert.equal(sent().mode, 'merge');
  });

  it('takes the mode of the query before the one that is preferred', async () => {
    const { headers } = await send({ prefer: 'resolution=merge-duplicates' }, `${ROWS}?mode=append`);
    assert.equal(headers.get('preference-applied'), null);
    assert.equal(sent().mode, 'append');
  });

  it('leaves out everything optional with return=minimal', async () => {
    const { status, headers, body } = await send({ prefer: 'return=minimal' });
    assert.equal(status, 201);
    assert.equal(headers.get('location'), `/v1/batches/${ID}`);
    assert.deepEqual(Object.keys(body), ['id', 'status', 'workflowId', 'runId', 'rows']);
  });

  for (const [type, format] of [
    ['application/json; charset=UTF-8', 'json'],
    ['application/x-ndjson', 'ndjson'],
    ['application/NDJSON', 'ndjson'],
    ['application/jsonl', 'ndjson'],
    ['text/csv; charset="utf-8"', 'csv'],
  ] as const) {
    it(`reads ${type}`, async () => {
      await send({ 'content-type': type }, ROWS, '\ufeff1,ä');
      assert.deepEqual([sent().format, sent().body], [format, '1,ä']);
    });
  }

  const refused: readonly Record<string, string>[] = [
    { 'content-type': 'application/xml' },
    { 'content-type': 'constructor' },
    { 'content-type': 'text/csv; charset=latin1' },
    { 'content-encoding': 'gzip' },
  ];
  for (const headers of refused) {
    it(`refuses ${JSON.stringify(headers)}`, async () => {
      const { status, body } = await send({ ...headers });
      assert.deepEqual([status, body.code], [415, 'unsupported-media-type']);
      assert.deepEqual(api.batches.sent, []);
    });
  }

  it('refuses a body that is too large or is not UTF-8', async () => {
    const large = await send({}, ROWS, ' '.repeat(8 * 1024 * 1024 + 1));
    assert.deepEqual([large.status, large.body.code], [413, 'body-too-large']);
    const latin = await send({}, ROWS, new Uint8Array([0x5b, 0xe4, 0x5d]));
    assert.deepEqual([latin.status, latin.body.code], [400, 'malformed-body']);
    assert.deepEqual(api.batches.sent, []);
  });

  it('refuses a merge into a table without a key, and an Idempotency-Key that is none', async () => {
    const merge = await send({}, '/v1/tables/notes/rows?mode=merge');
    assert.deepEqual([merge.status, merge.body.code], [422, 'merge-needs-key']);
    const key = await send({ 'idempotency-key': 'a b' });
    assert.deepEqual([key.status, key.body.errors[0].parameter], [400, 'Idempotency-Key']);
    const replace = await send({}, `${ROWS}?mode=replace`);
    assert.deepEqual([replace.status, replace.body.code], [400, 'invalid-request']);
    assert.deepEqual(api.batches.sent, []);
  });

  it('says when to come again while too much is waiting', async () => {
    api.batches.error = new LongshoreError('overloaded', '1 batch is waiting already');
    const { status, headers } = await send();
    assert.deepEqual([status, headers.get('retry-after')], [503, '5']);
  });
});

describe('looking at batches', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = await startTestApi();
    for (const [id, table] of [
      ['b-0', 'jobs'],
      ['b-1', 'notes'],
      ['b-2', 'jobs'],
    ] as const) {
      api.batches.ended.set(id, { view: batchView(id, { table }), rejects: [], replayed: false });
    }
  });
  afterEach(() => api[Symbol.asyncDispose]());
  const get = async (path: string, init: Parameters<TestApi['call']>[1] = {}) => {
    const response = await api.call(path, init);
    return { status: response.status, body: (await response.json()) as Body };
  };
  const ids = (body: Body) => body.batches.map(({ id }) => id);

  it('lists them in pages, newest first, and only those of the tables of the key', async () => {
    const first = await get('/v1/batches?limit=2');
    assert.deepEqual(ids(first.body), ['b-2', 'b-1']);
    const next = await get(first.body.next);
    assert.deepEqual([ids(next.body), next.body.next], [['b-0'], null]);
    const key = 'jobs-key-of-the-tests';
    assert.deepEqual(ids((await get('/v1/batches', { key })).body), ['b-2', 'b-0']);
    assert.equal((await get('/v1/batches?table=notes', { key })).status, 403);
    assert.deepEqual(ids((await get(`/v1/batches?loadId=${2 ** 32 + 1}`)).body), []);
  });

  it('shows one, but not of a table that is not for the key', async () => {
    const { status, body } = await get('/v1/batches/b-1');
    assert.deepEqual([status, body.table, body.accepted], [200, 'notes', 3]);
    const hidden = await get('/v1/batches/b-1', { key: 'jobs-key-of-the-tests' });
    assert.deepEqual([hidden.status, hidden.body.code], [404, 'unknown-batch']);
    const none = await get('/v1/batches/b-9');
    assert.deepEqual([none.status, none.body.code], [404, 'unknown-batch']);
  });

  it('gives rejects in pages, and as CSV with every digit', async () => {
    const rejects = [
      { ...REJECT, index: 0, row: '{"job":"a,b","id":1234567890123456789,"x":[1.10]}' },
      { ...REJECT, index: 4, row: '[ "1", "z" ]' },
    ];
    api.batches.ended.set('b-3', { view: batchView('b-3'), rejects, replayed: false });
    const page = await get('/v1/batches/b-3/rejects?limit=1');
    assert.deepEqual(page.body.next, '/v1/batches/b-3/rejects?afterIndex=0&limit=1');
    const rest = await get(page.body.next);
    assert.deepEqual([rest.body.rejects[0]!.index, rest.body.next], [4, null]);
    const csv = await api.call('/v1/batches/b-3/rejects', { headers: { accept: 'text/csv' } });
    assert.equal(
      await csv.text(),
      'id,job,_extra,_index,_field,_code,_message\r\n' +
        '1234567890123456789,"a,b",x=[1.10],0,id,type-error,expected an integer\r\n' +
        '1,z,,4,id,type-error,expected an integer\r\n',
    );
  });

  it('points from the ID of a group to its batches', async () => {
    const { status, body } = await get(`/v1/loads/${2 ** 32}`);
    assert.deepEqual([status, body.code], [404, 'unknown-load']);
    assert.match(body.detail, /\/v1\/batches\?loadId=4294967296$/);
  });
});
