import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { z } from 'zod';
import type { startedLoadSchema } from '../../api/loads/load-schemas.ts';
import { LongshoreError } from '../../src/errors.ts';
import { UploadSlots } from '../../src/loads/upload-slots.ts';
import { startTestApi, type TestApi } from '../support/api-fakes.ts';
import { eventually, until } from '../support/eventually.ts';

type Started = z.infer<typeof startedLoadSchema>;
type Body = NonNullable<RequestInit['body']>;

const CSV = '1,Engineer\r\n2,"Sales, west"\r\n';

describe('starting a load', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = await startTestApi();
  });
  afterEach(() => api[Symbol.asyncDispose]());

  const send = (path: string, body: Body, headers: Record<string, string> = {}, key?: string) =>
    api.call(path, {
      method: 'POST',
      body,
      headers,
      ...(key !== undefined && { key }),
      duplex: 'half',
    } as RequestInit);
  const sendCsv = (query = '', body: Body = CSV, headers: Record<string, string> = {}) =>
    send(`/v1/tables/jobs/loads${query}`, body, { 'content-type': 'text/csv', ...headers });
  const form = (...files: [field: string, content: string, name: string][]) => {
    const data = new FormData();
    for (const [field, content, name] of files) data.append(field, new Blob([content]), name);
    return data;
  };
  const assertProblem = async (response: Response, status: number, code: string) => {
    const problem = (await response.json()) as Record<string, unknown>;
    assert.equal(response.headers.get('content-type')?.split(';')[0], 'application/problem+json');
    assert.deepEqual(
      [response.status, problem.status, problem.code],
      [status, status, code],
      JSON.stringify(problem),
    );
    return problem;
  };
  const assertNothingKept = async () => {
    assert.deepEqual(api.loads.started, []);
    assert.deepEqual(await api.files(), []);
  };

  it('takes a text/csv body, surveys it, and answers 202 with where to look', async () => {
    const response = await sendCsv('?mode=replace&maxRejects=1.5%25', CSV, {
      'content-disposition': `attachment; filename="old.csv"; filename*=UTF-8''j%C3%B6bs.csv`,
    });
    const body = (await response.json()) as Started;
    assert.equal(response.status, 202, JSON.stringify(body));
    assert.equal(response.headers.get('location'), '/v1/loads/1');
    assert.equal(body.id, 1);
    assert.equal(body.existing, false);
    assert.match(
      body.links.temporal ?? '',
      /^http:\/\/127\.0\.0\.1:8233\/namespaces\/default\/workflows\/load-jobs/,
    );
    const [started] = api.loads.started;
    assert.equal(started!.mode, 'replace');
    assert.deepEqual(started!.maxRejects, { kind: 'percent', value: 1.5 });
    assert.equal(started!.source.name, 'jöbs.csv');
    assert.equal(started!.startedBy, 'a1');
    assert.equal(started!.survey!.bytes, CSV.length);
    const kept = await api.storage.read(started!.source.key, 0, CSV.length);
    assert.equal(kept.toString(), CSV);
  });

  it('keeps the file where it is not known whether the load was created, and no other', async () => {
    api.loads.startError = new LongshoreError('load-state', 'it is not to be');
    assert.equal((await sendCsv('', CSV)).status, 409);
    api.loads.startError = Object.assign(new Error('No space left on device'), { code: '53100' });
    assert.equal((await sendCsv('', CSV)).status, 507);
    await assertNothingKept();
    for (const error of [
      new LongshoreError('database-unavailable', 'the connection was lost as the transaction ended'),
      new Error('Connection terminated unexpectedly'),
    ]) {
      api.loads.startError = error;
      const before = (await api.files()).length;
      assert.ok((await sendCsv('', CSV)).status >= 500);
      assert.equal((await api.files()).length, before + 1);
    }
  });

  it('takes a multipart field named file', async () => {
    const response = await send('/v1/tables/jobs/loads', form(['file', CSV, 'C:\\data\\jobs.csv']));
    assert.equal(response.status, 202);
    assert.equal(api.loads.started[0]!.source.name, 'jobs.csv');
    assert.equal(api.loads.started[0]!.mode, 'append');
    assert.equal((await api.storage.read(api.loads.started[0]!.source.key, 0, CSV.length)).toString(), CSV);
  });

  it('takes many megabytes by multipart, unchanged', async () => {
    const big = CSV.repeat(400_000);
    const response = await send('/v1/tables/jobs/loads', form(['file', big, 'big.csv']));
    assert.equal(response.status, 202);
    const { survey, source } = api.loads.started[0]!;
    assert.equal(survey!.bytes, big.length);
    assert.equal((await api.storage.stat(source.key))!.bytes, big.length);
    await sendCsv('?mode=replace', big);
    assert.equal(api.loads.started[1]!.survey!.sha256, survey!.sha256);
  });

  it('names a file of the inbox by JSON', async () => {
    const writer = await api.storage.write('inbox/2026/jobs.csv');
    await writer.write(Buffer.from(CSV));
    await writer.close();
    const ask = (source: string) =>
      send('/v1/tables/jobs/loads', JSON.stringify({ source }), { 'content-type': 'application/json' });
    assert.equal((await ask('2026/jobs.csv')).status, 202);
    assert.deepEqual(api.loads.started[0]!.source, {
      kind: 'inbox',
      name: '2026/jobs.csv',
      key: 'inbox/2026/jobs.csv',
    });
    assert.equal(api.loads.started[0]!.survey, null);
    for (const outside of ['../uploads/x', '/etc/passwd', '2026/../../x', 'a\\b', '2026/', 'none.csv']) {
      await assertProblem(await ask(outside), 404, 'source-not-found');
    }
    await assertProblem(await ask('a\u0000b'), 400, 'invalid-request');
  });

  it('answers a repeated file with the first load and keeps no second copy', async () => {
    await sendCsv();
    const again = await sendCsv();
    assert.equal(again.status, 200);
    const body = (await again.json()) as Started;
    assert.deepEqual([body.id, body.existing], [1, true]);
    assert.equal((await api.files()).length, 1);
    assert.equal((await sendCsv('?force=true')).status, 202);
  });

  it('waits when asked, answers 201 when done, and says which wait it applied', async () => {
    api.loads.outcome = {
      status: 'done',
      rows: { read: 2, loaded: 2, rejected: 0, unchanged: 0, discarded: 0 },
    };
    const response = await sendCsv('', CSV, { prefer: 'respond-async;x=1, wait=900' });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get('preference-applied'), 'wait=50');
    assert.equal(api.loads.waitedMs, 50_000);
    assert.equal(((await response.json()) as Started).rows.loaded, 2);
    api.loads.outcome = null;
    assert.equal((await sendCsv('?mode=replace', CSV, { prefer: 'wait=1' })).status, 202);
  });

  it('answers a load that failed while waiting with its error, and the load itself', async () => {
    const error = {
      code: 'too-many-rejects' as const,
      message: '3 of 10 rows were rejected',
      remedy: 'Read them.',
    };
    api.loads.outcome = { status: 'failed', error };
    const response = await sendCsv('?maxRejects=1', CSV, { prefer: 'wait=5' });
    const problem = await assertProblem(response, 422, 'too-many-rejects');
    assert.equal(problem.detail, error.message);
    assert.equal((problem.load as { links: { rejects: string } }).links.rejects, '/v1/loads/1/rejects');
    assert.equal(response.headers.get('location'), '/v1/loads/1');
  });

  it('refuses before it reads the body: key, table, mode, content type, in this order', async () => {
    const bad = { 'content-type': 'text/html' };
    await assertProblem(
      await send('/v1/tables/none/loads?mode=x', CSV, bad, 'wrong'),
      401,
      'unauthenticated',
    );
    await assertProblem(
      await send('/v1/tables/none/loads?mode=x', CSV, bad, 'read-key-of-the-tests'),
      403,
      'forbidden',
    );
    await assertProblem(await send('/v1/tables/none/loads?mode=x', CSV, bad), 404, 'unknown-table');
    const problem = await assertProblem(
      await send('/v1/tables/jobs/loads?mode=x', CSV, bad),
      400,
      'invalid-request',
    );
    assert.equal((problem.errors as { parameter: string }[])[0]!.parameter, 'mode');
    await assertProblem(await send('/v1/tables/notes/loads?mode=merge', CSV, bad), 422, 'merge-needs-key');
    await assertProblem(await send('/v1/tables/jobs/loads', CSV, bad), 415, 'unsupported-media-type');
    await assertProblem(await sendCsv('?mod=append'), 400, 'invalid-request');
    await assertProblem(await sendCsv('?mode=append&mode=replace'), 400, 'invalid-request');
    for (const share of ['101%25', '-1', '1.5', '%25', '']) {
      await assertProblem(await sendCsv(`?maxRejects=${share}`), 400, 'invalid-request');
    }
    await assertProblem(
      await sendCsv('', CSV, { 'content-type': 'text/csv; charset=latin1' }),
      415,
      'unsupported-media-type',
    );
    await assertProblem(await sendCsv('', CSV, { 'content-encoding': 'br' }), 415, 'unsupported-media-type');
    await assertNothingKept();
  });

  it('lets a client with Expect: 100-continue keep a refused file to itself', async () => {
    const head = (key: string) =>
      `POST /v1/tables/jobs/loads HTTP/1.1\r\nHost: x\r\nx-api-key: ${key}\r\ncontent-type: text/csv\r\ncontent-length: ${CSV.length}\r\nexpect: 100-continue\r\n\r\n`;
    const refused = await api.raw(head('wrong'), { untilText: '\r\n\r\n' });
    assert.match(refused, /^HTTP\/1\.1 401 /);
    const welcome = await api.raw(head('admin-key-of-the-tests'), { untilText: '\r\n\r\n' });
    assert.match(welcome, /^HTTP\/1\.1 100 Continue/);
  });

  it('receives a limited number of files at a time, and tells further clients to retry', async () => {
    await using small = await startTestApi({ uploads: new UploadSlots(1) });
    let end: () => void = () => undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(CSV));
        end = () => controller.close();
      },
    });
    const post = (content: Body) =>
      small.call('/v1/tables/jobs/loads', {
        method: 'POST',
        body: content,
        headers: { 'content-type': 'text/csv' },
        duplex: 'half',
      } as RequestInit);
    const first = post(body);
    assert.ok((await until(small.files, (files) => files.length > 0)).length > 0);
    const second = await post(CSV);
    assert.equal(second.headers.get('retry-after'), '5');
    await assertProblem(second, 503, 'overloaded');
    end();
    assert.equal((await first).status, 202);
    assert.equal((await post(CSV)).status, 200);
  });

  it('keeps nothing of an upload whose client hangs up', async () => {
    const head = 'POST /v1/tables/jobs/loads HTTP/1.1\r\nHost: x\r\nx-api-key: admin-key-of-the-tests\r\n';
    const underWay = async () => (await api.files()).length > 0;
    await api.raw(`${head}content-type: text/csv\r\ncontent-length: 5000000\r\n\r\n${CSV.repeat(1000)}`, {
      hangUpWhen: underWay,
    });
    // What is under way from now on is the next one.
    await eventually(underWay, false);
    const part = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\n';
    await api.raw(
      `${head}content-type: multipart/form-data; boundary=b\r\ncontent-length: 5000000\r\n\r\n${part}${CSV.repeat(1000)}`,
      { hangUpWhen: underWay },
    );
    await eventually(underWay, false);
    await assertNothingKept();
  });

  it('keeps nothing of a form that is wrong, and says what is', async () => {
    const path = '/v1/tables/jobs/loads';
    await assertProblem(await send(path, form()), 400, 'file-missing');
    await assertProblem(await send(path, form(['data', CSV, 'a.csv'])), 400, 'invalid-request');
    await assertProblem(
      await send(path, form(['file', CSV, 'a.csv'], ['file', CSV, 'b.csv'])),
      400,
      'invalid-request',
    );
    await assertProblem(
      await send(path, form(['file', CSV.repeat(90_000), 'a.csv'], ['x', CSV, 'b.csv'])),
      400,
      'invalid-request',
    );
    const text = new FormData();
    text.append('file', CSV);
    await assertProblem(await send(path, text), 400, 'file-missing');
    const multipart = { 'content-type': 'multipart/form-data; boundary=b' };
    await assertProblem(await send(path, 'no form at all', multipart), 400, 'upload-incomplete');
    await assertProblem(
      await send(
        path,
        '--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n1,a',
        multipart,
      ),
      400,
      'upload-incomplete',
    );
    await assertProblem(
      await send(path, '--b\r\n: broken\r\n\r\n1\r\n--b--\r\n', multipart),
      400,
      'malformed-body',
    );
    await assertProblem(await send(path, '--b--\r\n', multipart), 400, 'file-missing');
    await assertProblem(
      await send(path, CSV, { 'content-type': 'multipart/form-data' }),
      400,
      'malformed-body',
    );
    await assertNothingKept();
  });

  it('keeps nothing of a file that is empty or that can not be started', async () => {
    await assertProblem(await sendCsv('', ''), 422, 'file-empty');
    await assertProblem(await send('/v1/tables/jobs/loads', form(['file', '', 'a.csv'])), 422, 'file-empty');
    await assertProblem(await api.call('/v1/tables/jobs/loads', { method: 'POST' }), 400, 'file-missing');
    api.loads.startError = new LongshoreError('header-mismatch', 'the header lacks id');
    await assertProblem(await sendCsv(), 422, 'header-mismatch');
    await assertNothingKept();
    api.loads.startError = new Error('connect ECONNREFUSED 10.0.0.1');
    const problem = await assertProblem(await sendCsv(), 500, 'internal');
    assert.ok(!JSON.stringify(problem).includes('10.0.0.1'), 'an unexpected error is not shown');
    for (const [error, code, status] of [
      [{ code: 'ECONNREFUSED' }, 'database-unavailable', 503],
      [{ code: '57P01' }, 'database-unavailable', 503],
      [{ code: '53100' }, 'database-full', 507],
    ] as const) {
      api.loads.startError = Object.assign(new Error('of 10.0.0.1: (id)=(7)'), error);
      const told = await assertProblem(await sendCsv(), status, code);
      assert.doesNotMatch(JSON.stringify(told), /10\.0\.0\.1|\(7\)/);
    }
    assert.deepEqual(api.loads.started, []);
  });

  it('reads few pieces of long files in a turn of the event loop, however many files arrive', async (t) => {
    const write = api.storage.write.bind(api.storage);
    const perTurn = [0];
    let timer = setImmediate(function next() {
      perTurn.push(0);
      timer = setImmediate(next);
    });
    t.after(() => clearImmediate(timer));
    t.mock.method(api.storage, 'write', async (key: string) => {
      const writer = await write(key);
      let taken = 0;
      const take = writer.write.bind(writer);
      t.mock.method(writer, 'write', (piece: Buffer) => {
        taken += piece.length;
        if (taken > 256 * 1024) perTurn[perTurn.length - 1]! += 1;
        return take(piece);
      });
      return writer;
    });
    const long = CSV.repeat(Math.ceil((2 * 1024 * 1024) / CSV.length));
    const answers = await Promise.all(Array.from({ length: 16 }, () => sendCsv('?force=true', long)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      answers.map(() => 202),
    );
    const pieces = perTurn.reduce((sum, n) => sum + n);
    assert.ok(pieces > 16 * 8, `${pieces} pieces`);
    assert.ok(Math.max(...perTurn) <= 2, `${Math.max(...perTurn)} pieces in a turn`);
  });

  it('says where JSON is malformed, too large or of the wrong form', async () => {
    const json = (body: Body) => send('/v1/tables/jobs/loads', body, { 'content-type': 'application/json' });
    const malformed = await assertProblem(await json('{"source":\n x}'), 400, 'malformed-body');
    assert.match(String(malformed.detail), /line 2, column 2/);
    await assertProblem(await json(JSON.stringify({ source: 'x'.repeat(20_000) })), 413, 'body-too-large');
    await assertProblem(await json(new Uint8Array([0x22, 0xff, 0x22])), 400, 'malformed-body');
    const wrong = await assertProblem(await json('{"source":1,"other":2}'), 400, 'invalid-request');
    const places = wrong.errors as { pointer: string }[];
    assert.deepEqual(places.map(({ pointer }) => pointer).sort(), ['#/other', '#/source']);
  });
});
