import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { testStack } from '../support/stack.ts';

/** IDs that no load, batch, backup, restore or schedule of the test has. */
const MADE_UP = {
  load: '4000',
  batch: '01900000-0000-7000-8000-000000000000-0',
  backup: '20200101-000000-aaaaaaaa',
  restore: '4000',
  schedule: 'none-of-that-name',
  report: 'none-of-that-name',
  copy: 'no_copy_of_that_name',
};

describe('a key that is limited to one table', async () => {
  const stack = await testStack({ after });
  const made = await stack.post('/v1/keys', { name: 'jobs', scopes: ['read', 'write'], tables: ['jobs'] });
  const { key: limited } = made.body as unknown as { key: string };
  await stack.load('jobs', '1,Pilot\n');

  /** Of the other tables. */
  const ids = { ...MADE_UP };
  const wait = { prefer: 'wait=50' };
  const idOf = ({ body }: { body: unknown }) => String((body as { id: string | number }).id);
  ids.load = idOf(await stack.load('departments', '1,Secret\n'));
  ids.batch = idOf(await stack.post('/v1/tables/departments/rows', [{ id: 2, department: 'More' }]));
  ids.backup = idOf(await stack.post('/v1/backups', { tables: ['departments'] }, wait));
  ids.restore = idOf(await stack.post(`/v1/backups/${ids.backup}/verify`, undefined, wait));
  const schedule = { id: 'departments-nightly', kind: 'backup', cron: '0 3 * * *', tables: ['departments'] };
  ids.schedule = idOf(await stack.post('/v1/schedules', schedule));
  ids.copy = 'made_of_the_other';
  const asCopy = { backup: ids.backup, as: ids.copy };
  assert.equal((await stack.post('/v1/tables/departments/restore', asCopy, wait)).status, 201);
  ids.report = 'hires-by-quarter';

  const call = async (path: string, init: RequestInit = {}) => {
    const headers = { 'x-api-key': limited, ...(init.headers as Record<string, string>) };
    const response = await fetch(stack.url + path, { ...init, headers });
    return { status: response.status, text: await response.text() };
  };

  const BY_ID = (id: typeof MADE_UP) => [
    `GET /v1/loads/${id.load}`,
    `GET /v1/loads/${id.load}/rejects`,
    `POST /v1/loads/${id.load}/pause`,
    `POST /v1/loads/${id.load}/resume`,
    `POST /v1/loads/${id.load}/cancel`,
    `GET /v1/batches/${id.batch}`,
    `GET /v1/batches/${id.batch}/rejects`,
    `GET /v1/backups/${id.backup}`,
    `GET /v1/backups/${id.backup}/files/manifest.json`,
    `GET /v1/backups/${id.backup}/diff?table=jobs`,
    `POST /v1/backups/${id.backup}/pin`,
    `POST /v1/backups/${id.backup}/cancel`,
    `POST /v1/backups/${id.backup}/verify`,
    `POST /v1/tables/jobs/restore {"backup":"${id.backup}","dryRun":true}`,
    `POST /v1/tables/jobs/restore {"backup":"${id.backup}","as":"mine"}`,
    `GET /v1/restores/${id.restore}`,
    `POST /v1/restores/${id.restore}/cancel`,
    `DELETE /v1/copies/${id.copy}`,
    `GET /v1/schedules/${id.schedule}`,
    `GET /v1/schedules/${id.schedule}/retention`,
    `GET /v1/reports/${id.report}?year=2021`,
    `POST /v1/reports/${id.report}/refresh`,
  ];

  it('is answered for what belongs to other tables as for what does not exist', async () => {
    const [guessed, madeUp] = [BY_ID(ids), BY_ID(MADE_UP)];
    const ask = async (request: string) => {
      const [, method, path, body] = /^(\w+) (\S+)(?: (.*))?$/.exec(request)!;
      const headers: Record<string, string> = body ? { 'content-type': 'application/json' } : {};
      return call(path!, { method, body, headers });
    };
    for (const [at, request] of guessed.entries()) {
      const [seen, none] = [await ask(request), await ask(madeUp[at]!)];
      assert.equal(seen.status, 404, `${request}: ${seen.text}`);
      const without = (text: string, these: typeof MADE_UP) => {
        const { requestId, instance, detail, ...rest } = JSON.parse(text);
        const longestFirst = Object.values(these).sort((a, b) => b.length - a.length);
        return { ...rest, detail: longestFirst.reduce((all, id) => all.replaceAll(id, '…'), detail) };
      };
      assert.deepEqual(without(seen.text, ids), without(none.text, MADE_UP), request);
      assert.doesNotMatch(seen.text.replaceAll(ids.schedule, ''), /departments/, request);
    }
  });

  it('sees in lists and metrics nothing of other tables', async () => {
    const lists = ['loads', 'batches', 'backups', 'restores', 'copies', 'schedules', 'reports', 'tables'];
    for (const path of [...lists.map((name) => `/v1/${name}`), '/v1/dictionary', '/metrics']) {
      const { status, text } = await call(path);
      assert.equal(status, 200, path);
      assert.doesNotMatch(text, /departments|hired_employees/, path);
    }
    const { text } = await call('/metrics');
    assert.match(text, /longshore_loads\{table="jobs",status="done"\} 1/);
    const all = await fetch(`${stack.url}/metrics`, { headers: { 'x-api-key': stack.key } });
    assert.match(await all.text(), /longshore_batch_rows_total\{table="departments",outcome="accepted"\} 1/);
  });
});
