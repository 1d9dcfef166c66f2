import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { startTestApi, type TestApi } from '../support/api-fakes.ts';
import { FakeReports } from '../support/fake-reports.ts';

const PATH = '/v1/reports/hires-by-quarter';
const YEAR = `${PATH}?year=2021`;
const AS_OF = '2026-11-21T14:00:00.123Z';
const ROWS = [
  ['=1+1, "Sales"', 'Clerk', '1', '0', '9007199254740993', '4'],
  ['Support', '<script>', '0', '0', null, '2'],
];

interface Page {
  readonly data: Record<string, unknown>[];
  readonly page: { total: number; next: string | null; previous: string | null; limit: number };
  readonly stale: boolean;
}

describe('answers of reports', () => {
  let api: TestApi;
  let fake: FakeReports;
  before(async () => {
    fake = await FakeReports.open();
    api = await startTestApi({ reports: fake.service });
  });
  after(() => api[Symbol.asyncDispose]());
  beforeEach(() => {
    fake.page = { total: 2, rows: ROWS };
    // What an earlier test asked is no answer to this one.
    fake.state = { ...fake.state, version: fake.state.version + 1, asOf: AS_OF, stale: false };
    fake.reads = { state: 0, view: 0 };
    fake.onRead = () => undefined;
    fake.asked.length = 0;
  });
  const detail = async (path: string, init?: RequestInit) => {
    const response = await api.call(path, init);
    const { detail, code } = (await response.json()) as { detail: string; code: string };
    return { status: response.status, detail, code };
  };

  it('are JSON with the columns in their order, every digit, and how fresh they are', async () => {
    const response = await api.call(YEAR);
    assert.equal(response.status, 200);
    const text = await response.text();
    assert.match(
      text,
      /"asOf":"2026-11-21T14:00:00.123Z","stale":false,"includes":\{"load":3,"group":null\}/,
    );
    assert.match(text, /"Q3":9007199254740993,/);
    const { data, page } = JSON.parse(text) as Page;
    assert.deepEqual(Object.keys(data[0]!), ['department', 'job', 'Q1', 'Q2', 'Q3', 'Q4']);
    assert.equal(data[0]!.department, '=1+1, "Sales"');
    assert.equal(data[1]!.Q3, null);
    assert.deepEqual(page, { limit: 10_000, offset: 0, total: 2, next: null, previous: null });
    assert.equal(response.headers.get('cache-control'), 'private, no-cache');
    assert.equal(response.headers.get('last-modified'), 'Sat, 21 Nov 2026 14:00:00 GMT');
    assert.match(response.headers.get('vary') ?? '', /Accept/);
  });

  it('are CSV where Accept or the query prefers it', async () => {
    const csv = 'department,job,Q1,Q2,Q3,Q4\r\n"=1+1, ""Sales""",Clerk,1,0,9007199254740993,4\r\n';
    for (const [query, accept] of [
      ['', 'text/csv'],
      ['', 'application/json;q=0.5, text/csv;q=0.9'],
      ['&format=csv', 'application/json'],
    ] as const) {
      const response = await api.call(YEAR + query, { headers: { accept } });
      assert.equal(response.headers.get('content-type'), 'text/csv; charset=utf-8');
      assert.equal(response.headers.get('x-total-count'), '2');
      assert.equal(response.headers.get('content-disposition'), 'attachment; filename=hires-by-quarter.csv');
      assert.ok((await response.text()).startsWith(csv));
    }
    for (const accept of ['text/csv;q=0.1, application/json', '*/*', 'image/png']) {
      const response = await api.call(YEAR, { headers: { accept } });
      assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8', accept);
    }
  });

  it('reports of a year without rows are empty', async () => {
    fake.page = { total: 0, rows: [] };
    const response = await api.call(`${PATH}?year=1887&limit=5`);
    assert.equal(response.status, 200);
    const { data, page } = (await response.json()) as Page;
    assert.deepEqual([data, page.total, page.next, page.previous], [[], 0, null, null]);
  });

  it('link to the pages around', async () => {
    fake.page = { total: 7, rows: ROWS };
    const response = await api.call(`${PATH}?offset=2&limit=2&year=2021&sort=-Q1,job&department=Sales`);
    const same = 'year=2021&department=Sales&sort=-Q1%2Cjob';
    const at = (offset: number) => `${PATH}?${same}&format=json&limit=2&offset=${offset}`;
    assert.equal(
      response.headers.get('link'),
      `<${at(0)}>; rel="first", <${at(6)}>; rel="last", <${at(4)}>; rel="next", <${at(0)}>; rel="prev"`,
    );
    const { page } = (await response.json()) as Page;
    assert.deepEqual([page.next, page.previous], [at(4), at(0)]);
    assert.deepEqual(fake.asked[0], {
      equals: [
        { column: 'year', value: '2021' },
        { column: 'department', value: 'Sales' },
      ],
      sort: [
        { column: 'Q1', descending: true },
        { column: 'job', descending: false },
      ],
      limit: 2,
      offset: 2,
    });
    assert.equal((await api.call(page.next!)).status, 200);
  });

  it('name what is wrong with a request, and what is allowed', async () => {
    for (const [query, said] of [
      ['', /^year: is required$/],
      ['?year=0', /^year: expected a whole number from 1 to 9999$/],
      ['?year=10000', /^year: expected/],
      ['?year=2021.0', /^year: expected/],
      ['?year=%202021', /^year: expected/],
      ['?year=2021&year=2022', /^year: may be given once only$/],
      ['?year=2021&town=x', /^town: is not known here; known are year, department, job, Q1/],
      ['?year=2021&Q1=many', /^Q1: expected a whole number of 64 bits$/],
      ['?year=2021&Q1=9223372036854775808', /^Q1: expected/],
      ['?year=2021&department=%00', /NUL/],
      ['?year=2021&sort=-town', /^sort: there is no column "town"; columns are year, department/],
      ['?year=2021&limit=10001', /^limit: /],
      ['?year=2021&limit=0', /^limit: /],
      ['?year=2021&offset=-1', /^offset: /],
      ['?year=2021&format=xml', /^format: /],
    ] as const) {
      const answer = await detail(PATH + query);
      assert.deepEqual([answer.status, answer.code], [400, 'invalid-request'], query);
      assert.match(answer.detail, said);
    }
    assert.equal(fake.reads.view, 0);
  });

  it('say which reports there are where one is not', async () => {
    const answer = await detail('/v1/reports/hires?year=2021');
    assert.deepEqual([answer.status, answer.code], [404, 'unknown-report']);
    assert.match(answer.detail, /"hires"; there are departments-above-mean, hires-by-quarter$/);
    assert.equal((await detail('/v1/reports/hires.svg')).code, 'unknown-report');
  });

  it('are read once for all who ask, and again only when the view is another', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => api.call(YEAR)));
    const etags = new Set(all.map((response) => response.headers.get('etag')));
    assert.deepEqual([etags.size, fake.reads.view], [1, 1]);
    assert.ok(fake.reads.state < 20, 'those who wait share a read of the state');

    const [etag = ''] = etags;
    const headers = { 'if-none-match': `"other", W/${etag}` };
    const known = await api.call(YEAR, { headers });
    assert.deepEqual([known.status, await known.text(), fake.reads.view], [304, '', 1]);
    assert.equal(known.headers.get('etag'), etag);

    fake.state = { ...fake.state, stale: true };
    const stale = await api.call(YEAR, { headers });
    assert.equal(((await stale.json()) as Page).stale, true, 'an answer that says so is another one');
    fake.state = { ...fake.state, version: fake.state.version + 1 };
    fake.page = { total: 0, rows: [] };
    assert.equal(((await (await api.call(YEAR, { headers })).json()) as Page).page.total, 0);
  });

  it('have an ETag for each representation and request', async () => {
    const paths = [YEAR, `${YEAR}&format=csv`, `${PATH}?year=2022`, `${PATH}.svg?year=2021`];
    const etags = await Promise.all(paths.map(async (path) => (await api.call(path)).headers.get('etag')));
    assert.equal(new Set(etags).size, paths.length);
  });

  it('never tell of another version than the rows are from', async () => {
    fake.onRead = () => {
      if (fake.reads.view > 1) return;
      // A refresh between the state and the rows.
      fake.state = { ...fake.state, asOf: '2026-11-21T15:00:00.000Z', version: fake.state.version + 1 };
    };
    const { asOf } = (await (await api.call(YEAR)).json()) as { asOf: string };
    assert.deepEqual([asOf, fake.reads.view], ['2026-11-21T15:00:00.000Z', 2]);
  });

  it('answers to HEAD have only the headers', async () => {
    const [head, get] = [await api.call(YEAR, { method: 'HEAD' }), await api.call(YEAR)];
    assert.deepEqual([head.status, await head.text()], [200, '']);
    for (const name of ['etag', 'content-length', 'content-type', 'link', 'x-total-count'])
      assert.equal(head.headers.get(name), get.headers.get(name), name);
  });

  it('need the scope read', async () => {
    assert.equal((await api.call(YEAR, { key: null })).status, 401);
  });

  it('are listed with what they take and how fresh they are', async () => {
    const { reports } = (await (await api.call('/v1/reports')).json()) as { reports: object[] };
    assert.deepEqual(reports[0], {
      name: 'departments-above-mean',
      title: fake.service.reports[0]!.title,
      description: fake.service.reports[0]!.description,
      parameters: fake.service.reports[0]!.parameters,
      columns: [
        { name: 'id', type: 'bigint' },
        { name: 'department', type: 'text' },
        { name: 'hired', type: 'bigint' },
      ],
      tables: ['hired_employees', 'departments'],
      refreshSeconds: 900,
      state: fake.state,
      links: {
        self: '/v1/reports/departments-above-mean',
        svg: '/v1/reports/departments-above-mean.svg',
        refresh: '/v1/reports/departments-above-mean/refresh',
      },
    });
  });

  it('are in the OpenAPI document each, with typed parameters', async () => {
    const document = (await (await api.call('/openapi.json')).json()) as {
      paths: Record<string, { get: { parameters: { name: string; required?: boolean; schema: object }[] } }>;
    };
    const { parameters } = document.paths[PATH]!.get;
    const year = parameters.find(({ name }) => name === 'year');
    assert.equal(year?.required, true);
    assert.deepEqual(year?.schema, {
      type: 'integer',
      format: 'int32',
      minimum: 1,
      maximum: 9999,
      description: 'The year of the hires, in UTC',
    });
    assert.ok(parameters.some(({ name }) => name === 'Q4'));
    assert.ok(!('/v1/reports/{name}' in document.paths));
  });

  it('charts are pictures without scripts or styles, the same each time', async () => {
    fake.bars = [
      { category: `<script>alert("1")</script> & 'q'\u0001`, merged: 1, values: [3, 1, 0, 2] },
      { category: null, merged: 1, values: [1, 1, 1, 1] },
      { category: 'x', merged: 12, values: [1, 0, 0, 0] },
    ];
    const path = `${PATH}.svg?year=2021&width=700`;
    const response = await api.call(path);
    assert.equal(response.headers.get('content-type'), 'image/svg+xml; charset=utf-8');
    assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none'/);
    const svg = await response.text();
    assert.match(svg, /^<svg width="700" height="\d+"/);
    assert.match(svg, /&lt;script&gt;alert\(&quot;1&quot;\)/);
    assert.match(svg, />\(none\)</);
    assert.match(svg, />12 others</);
    assert.match(svg, />year 2021 · as of 2026-11-21 14:00:00 UTC</);
    assert.doesNotMatch(svg, /<script|<style| style=| class=| on\w+=/);
    assert.ok(!svg.includes('\u0001'));

    await api.call(`${PATH}.svg?year=2022`);
    fake.state = { ...fake.state, version: fake.state.version + 1 };
    assert.equal(await (await api.call(path)).text(), svg, 'drawn again, after another chart');
    const etag = (await api.call(path)).headers.get('etag')!;
    const { view } = fake.reads;
    assert.equal((await api.call(path, { headers: { 'if-none-match': etag } })).status, 304);
    assert.equal(fake.reads.view, view);

    fake.bars = [];
    assert.match(await (await api.call(`${PATH}.svg?year=1887`)).text(), />No rows</);
    for (const size of ['width=299', 'width=2001', 'height=1', 'height=99999'])
      assert.equal((await detail(`${PATH}.svg?year=2021&${size}`)).status, 400, size);
  });
});
