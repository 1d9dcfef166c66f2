import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Express } from 'express';
import { pino } from 'pino';
import { createApp } from '../../api/app.ts';
import { loadView, startTestApi, type TestApi } from '../support/api-fakes.ts';
import { FakeReports } from '../support/fake-reports.ts';

describe('the API', () => {
  let api: TestApi;
  before(async () => {
    api = await startTestApi();
    for (let id = 1; id <= 5; id += 1) {
      api.loads.views.set(
        id,
        loadView(id, { table: id === 3 ? 'notes' : 'jobs', status: id < 5 ? 'done' : 'loading' }),
      );
    }
    api.loads.rejected.set(1, [
      {
        line: 2,
        cells: ['x', 'a "b"'],
        errors: [{ code: 'type-error', field: 'id', message: 'expected an integer' }],
      },
      {
        line: 4,
        cells: ['', '=1+1', 'more, of it', 'end'],
        errors: [
          { code: 'constraint-error', field: 'id', message: 'is required' },
          { code: 'extra-cell', field: null, message: 'has 2 cells too many' },
        ],
      },
      { line: 9, cells: ['7'], errors: [{ code: 'missing-cell', field: 'job', message: 'is missing' }] },
    ]);
    for (const id of ['1', '2', '12345678901234567890']) {
      api.loads.stored.push({ loadId: 1, line: 1, cells: [id, 'Engineer'] });
    }
  });
  after(() => api[Symbol.asyncDispose]());

  // biome-ignore lint/suspicious/noExplicitAny: what an answer holds is what these tests are about
  const json = async (path: string, init?: Parameters<TestApi['call']>[1]): Promise<any> => {
    const response = await api.call(path, init);
    return { ...((await response.json()) as object), http: response };
  };

  it('pages through loads, newest first, by table and status', async () => {
    const first = await json('/v1/loads?limit=2&table=jobs');
    assert.deepEqual(
      first.loads.map((load: { id: number }) => load.id),
      [5, 4],
    );
    assert.equal(first.next, '/v1/loads?table=jobs&limit=2&before=4');
    assert.equal(first.http.headers.get('link'), `<${first.next}>; rel="next"`);
    const second = await json(first.next);
    assert.deepEqual(
      second.loads.map((load: { id: number }) => load.id),
      [2, 1],
    );
    assert.equal(second.next, null);
    assert.equal((await json('/v1/loads?status=loading')).loads.length, 1);
    assert.equal((await json('/v1/loads?status=asleep')).code, 'invalid-request');
    assert.equal((await json('/v1/loads?limit=0')).code, 'invalid-request');
    assert.equal((await json('/v1/loads?limit=99999999999999999')).code, 'invalid-request');
  });

  it('shows a load, and lets it be paused, resumed and cancelled', async () => {
    assert.equal((await json('/v1/loads/5')).links.self, '/v1/loads/5');
    assert.equal((await json('/v1/loads/77')).code, 'unknown-load');
    assert.equal((await json('/v1/loads/abc')).errors[0].parameter, 'id');
    const post = (action: string) => json(`/v1/loads/5/${action}`, { method: 'POST' });
    assert.equal((await post('pause')).paused, true);
    assert.equal((await post('resume')).paused, false);
    const cancelled = await post('cancel');
    assert.deepEqual([cancelled.http.status, cancelled.status], [202, 'cancelled']);
    assert.equal((await json('/v1/loads/1/pause', { method: 'POST' })).code, 'load-state');
    assert.equal((await json('/v1/loads/1/explode', { method: 'POST' })).code, 'not-found');
  });

  it('gives rejects as pages of JSON', async () => {
    const first = await json('/v1/loads/1/rejects?limit=2');
    assert.deepEqual(
      first.rejects.map((reject: { line: number }) => reject.line),
      [2, 4],
    );
    assert.equal(first.next, '/v1/loads/1/rejects?afterLine=4&limit=2');
    const second = await json(first.next);
    assert.deepEqual([second.rejects.length, second.next], [1, null]);
  });

  it('gives rejects as CSV, a line a row, to be corrected and sent again', async () => {
    const expected = [
      'id,job,_extra,_line,_field,_code,_message',
      'x,"a ""b""",,2,id,type-error,expected an integer',
      ',=1+1,"""more, of it"",end",4,"id; ",constraint-error; extra-cell,is required; has 2 cells too many',
      '7,,,9,job,missing-cell,is missing',
      '',
    ].join('\r\n');
    const byAccept = await api.call('/v1/loads/1/rejects', { headers: { accept: 'text/csv' } });
    assert.match(byAccept.headers.get('content-type')!, /^text\/csv/);
    assert.equal(byAccept.headers.get('content-disposition'), 'attachment; filename=load-1-rejects.csv');
    assert.equal(await byAccept.text(), expected);
    assert.equal(await (await api.call('/v1/loads/1/rejects?format=csv')).text(), expected);
    const none = await (await api.call('/v1/loads/2/rejects?format=csv')).text();
    assert.equal(none, 'id,job,_line,_field,_code,_message\r\n');
    const one = await (await api.call('/v1/loads/1/rejects?format=csv&afterLine=2&limit=1')).text();
    assert.deepEqual(
      one.split('\r\n').map((line) => line.slice(0, 4)),
      ['id,j', ',=1+', ''],
    );
  });

  it('shows the tables, their dictionary and their rows with every digit', async () => {
    const { tables } = await json('/v1/tables');
    assert.deepEqual(
      tables.map((table: { name: string }) => table.name),
      ['jobs', 'notes'],
    );
    const one = await json('/v1/tables/jobs');
    assert.deepEqual(one.resource.schema.primaryKey, ['id']);
    assert.equal((await json('/v1/dictionary')).resources[0].schema.fields[0].type, 'integer');
    assert.equal((await json('/v1/tables/none')).code, 'unknown-table');
    const first = await json('/v1/tables/jobs/rows?limit=2');
    assert.deepEqual(first.rows[0], { id: 1, job: 'Engineer', _load_id: 1, _line: 1 });
    assert.match(await (await api.call(first.next)).text(), /"id":12345678901234567890,/);
    assert.equal((await json('/v1/tables/jobs/rows?after=%00')).errors[0].parameter, 'after');
  });

  it('takes an API key in either header, and distinguishes wrong, missing and insufficient ones', async () => {
    const bearer = await fetch(`${api.url}/v1/tables`, {
      headers: { authorization: 'bearer read-key-of-the-tests' },
    });
    assert.equal(bearer.status, 200);
    const missing = await json('/v1/tables', { key: null });
    assert.deepEqual(
      [missing.http.status, missing.http.headers.get('www-authenticate')],
      [401, 'Bearer realm="longshore"'],
    );
    const wrong = await json('/v1/tables', { key: 'wrong' });
    assert.match(wrong.http.headers.get('www-authenticate'), /error="invalid_token"/);
    const less = await json('/v1/loads/5/pause', { method: 'POST', key: 'read-key-of-the-tests' });
    assert.deepEqual([less.http.status, less.code], [403, 'forbidden']);
    assert.match(less.detail, /scope write/);
    assert.match(less.http.headers.get('www-authenticate'), /scope="write"/);
  });

  it('keeps a key that is limited to tables to these', async () => {
    const key = 'jobs-key-of-the-tests';
    assert.equal((await json('/v1/tables', { key })).tables.length, 1);
    assert.equal((await json('/v1/dictionary', { key })).resources.length, 1);
    assert.deepEqual(
      (await json('/v1/loads', { key })).loads.map((load: { id: number }) => load.id),
      [5, 4, 2, 1],
    );
    for (const path of ['/v1/loads?table=notes', '/v1/tables/notes/rows']) {
      assert.equal((await json(path, { key })).code, 'forbidden', path);
    }
    for (const path of ['/v1/loads/3', '/v1/loads/3/rejects']) {
      assert.equal((await json(path, { key })).code, 'unknown-load', path);
    }
  });

  it('answers unknown routes with 404 and wrong methods with 405 and Allow', async () => {
    assert.equal((await json('/v2/nothing', { key: null })).code, 'not-found');
    assert.equal((await json('/V1/tables')).code, 'not-found');
    const wrong = await json('/v1/tables', { method: 'DELETE', key: null });
    assert.deepEqual(
      [wrong.code, wrong.http.status, wrong.http.headers.get('allow')],
      ['method-not-allowed', 405, 'GET, HEAD, POST'],
    );
    assert.equal((await api.call('/v1/tables', { method: 'HEAD' })).status, 200);
    assert.equal((await json('/v1/tables/%E0%A4%A')).code, 'invalid-request');
    assert.equal((await json('/v1/tables?colour=red')).errors[0].parameter, 'colour');
  });

  it('names each request, and logs it without keys, queries or rows', async () => {
    const given = await json('/v1/tables/none?secret=1', { headers: { 'x-request-id': 'my-id.1' } });
    assert.equal(given.requestId, 'my-id.1');
    assert.equal(given.http.headers.get('x-request-id'), 'my-id.1');
    const made = await json('/healthz', { headers: { 'x-request-id': 'has spaces, and\ttabs' }, key: null });
    assert.match(made.http.headers.get('x-request-id'), /^[0-9a-f-]{36}$/);
    const entry = api.log.map((line) => JSON.parse(line)).findLast((line) => line.requestId === 'my-id.1');
    assert.deepEqual(
      [entry.method, entry.route, entry.status, entry.keyId],
      ['GET', '/v1/tables/{table}', 404, 'a1'],
    );
    assert.ok(!api.log.join('').includes('key-of-the-tests'));
    assert.ok(!api.log.join('').includes('secret'));
  });

  it('says that it lives, and what is missing when it is not ready', async () => {
    assert.equal((await json('/healthz', { key: null })).ok, true);
    assert.equal((await json('/readyz', { key: null })).http.status, 200);
    const stopping = { ok: false, checks: { process: 'it is stopping', postgres: null }, away: [] };
    await using other = await startTestApi({ ready: async () => stopping });
    const response = await other.call('/readyz', { key: null });
    assert.equal(response.status, 503);
    assert.deepEqual(await response.json(), stopping);
  });

  it("serves the API's reference from disk, under a policy that lets nothing else in", async () => {
    const page = await api.call('/docs/api', { key: null });
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-security-policy')!, /default-src 'none'.*script-src 'self'/);
    const text = await page.text();
    assert.ok(!/https?:/.test(text), 'nothing from elsewhere');
    assert.ok(!/<script(?![^>]* src=)/.test(text), 'no script in the page');
    for (const [, path] of text.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const asset = await api.call(path!, { key: null });
      await asset.body?.cancel();
      assert.equal(asset.status, 200, path);
    }
    assert.equal((await json('/docs/assets/package.json', { key: null })).code, 'not-found');
  });

  it('describes exactly the routes that it has', async () => {
    const document = await json('/openapi.json', { key: null });
    assert.equal(document.openapi, '3.1.0');
    const described = Object.entries(document.paths as Record<string, object>).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method} ${path}`),
    );
    const { service: reports } = await FakeReports.open();
    const app = createApp({ log: pino({ level: 'silent' }), reports } as Parameters<typeof createApp>[0]);
    // Each report has an entry of its own; this one tells that there is no other.
    assert.deepEqual([...described, 'get /v1/reports/{name}'].sort(), registeredRoutes(app).sort());
  });

  it('describes every problem, with the scope that a route needs', async () => {
    const { paths } = await json('/openapi.json', { key: null });
    const operation = paths['/v1/tables/{table}/loads'].post;
    assert.deepEqual(Object.keys(operation.responses).sort(), [
      ...['200', '201', '202', '400', '401', '403', '404', '409', '413', '415', '422', '429'],
      ...['500', '503', '507'],
    ]);
    assert.deepEqual(Object.keys(operation.requestBody.content), [
      'multipart/form-data',
      'text/csv',
      'application/json',
    ]);
    assert.deepEqual(operation.security, [{ key: ['write'] }, { bearer: ['write'] }]);
    const names = operation.parameters.map((parameter: { name: string }) => parameter.name);
    assert.deepEqual(names.sort(), [
      ...[
        'Content-Disposition',
        'Prefer',
        'commentChar',
        'delimiter',
        'doubleQuote',
        'encoding',
        'escapeChar',
      ],
      ...['force', 'header', 'maxRejects', 'mode', 'quoteChar', 'skipInitialSpace', 'table'],
    ]);
    assert.deepEqual(paths['/healthz'].get.security, []);
  });
});

/** What express itself knows of, from its router. */
function registeredRoutes(app: Express): string[] {
  return app.router.stack.flatMap(({ route }) => {
    if (route === undefined) return [];
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    const methods = new Set(
      route.stack.map((layer) => layer.method).filter((method) => method !== undefined),
    );
    return [...methods].map((method) => `${method} ${path}`);
  });
}
