import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { AuditEntry } from '../../src/audit/audit-entry.ts';
import type { BackupView } from '../../src/backups/backup.ts';
import type { CopyView } from '../../src/restores/copies.ts';
import type { RestoreView } from '../../src/restores/restore.ts';
import { until } from '../support/eventually.ts';
import { testStack } from '../support/stack.ts';

const SCHEMA = 'longshore_copies';
const MOST = 3;

describe('copies, tables that are restored under another name', async () => {
  const stack = await testStack({ after }, undefined, { env: { LONGSHORE_COPIES: String(MOST) } });
  const { db, get, post } = stack;
  const wait = { prefer: 'wait=50' };
  await stack.load('jobs', '1,Pilot\n2,Cook\n');
  await stack.load('departments', '1,Sales\n');
  const backup = (await post('/v1/backups', {}, wait)).body as unknown as BackupView;

  const copy = async (table: string, as: string, more: object = {}) => {
    const answer = await post(`/v1/tables/${table}/restore`, { backup: backup.id, as, ...more }, wait);
    return { status: answer.status, body: answer.body as unknown as RestoreView & Problem };
  };
  interface Problem {
    readonly code?: string;
    readonly detail?: string;
  }
  type Page = { readonly copies: readonly CopyView[]; readonly next: string | null };
  const list = async (query = '') => (await get(`/v1/copies${query}`)).body as unknown as Page;
  const names = async () => (await list()).copies.map(({ name }) => name);
  const remove = async (name: string, key = stack.key) => {
    const response = await fetch(`${stack.url}/v1/copies/${name}`, {
      method: 'DELETE',
      headers: { 'x-api-key': key },
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Problem };
  };
  const tables = async () =>
    (
      await db.query<{ name: string }>(
        `select relname as name from pg_class where relnamespace = $1::regnamespace and relkind = 'r' order by 1`,
        [SCHEMA],
      )
    ).map(({ name }) => name);
  const makeKey = async (limits: object) =>
    (await post('/v1/keys', { name: 'one', scopes: ['write'], ...limits })).body as unknown as {
      readonly id: string;
      readonly key: string;
    };

  it('are in a schema of their own, and listed with where they come from', async () => {
    const { body } = await copy('jobs', 'jobs_then');
    const single = await copy('jobs', 'jobs_one', { keys: [['2'], ['77']] });
    assert.equal(single.status, 201, JSON.stringify(single.body));
    assert.deepEqual(await tables(), ['jobs_one', 'jobs_then']);
    assert.deepEqual(
      (await stack.rows('jobs_then', SCHEMA)).map(({ id, job }) => [Number(id), job]),
      [
        [1, 'Pilot'],
        [2, 'Cook'],
      ],
    );
    const [taken] = await db.query(
      `select from pg_class where relname = 'jobs_then' and relnamespace = 'public'::regnamespace`,
    );
    assert.equal(taken, undefined);

    const { copies } = await list();
    assert.deepEqual(
      copies.map((one) => [one.name, one.table, one.schema, one.backupId, one.rows, one.createdBy]),
      [
        ['jobs_one', 'jobs', SCHEMA, backup.id, 1, 'operator'],
        ['jobs_then', 'jobs', SCHEMA, backup.id, 2, 'operator'],
      ],
    );
    const [, then] = copies;
    assert.equal(then?.restoreId, body.id);
    assert.ok(then.bytes >= 8192, String(then.bytes));
    assert.ok(Math.abs(Date.now() - Date.parse(then.createdAt)) < 600_000, then.createdAt);

    const first = await list('?limit=1');
    assert.deepEqual([first.copies.length, first.next], [1, '/v1/copies?limit=1&after=jobs_one']);
    const second = (await get(first.next!)).body as unknown as Page;
    assert.deepEqual([second.copies.map(({ name }) => name), second.next], [['jobs_then'], null]);
  });

  it('bring no warning that no backup holds them', async () => {
    const { body } = await post('/v1/backups', { tables: ['jobs'] }, wait);
    assert.deepEqual((body as unknown as BackupView).warnings ?? [], []);
  });

  it('can not have a name of PostgreSQL, of a stage or of another copy', async () => {
    for (const as of ['pg_class', 'pg_anything', 'restore_1_0', 'load_3', 'jobs', 'jobs_then', 'a"b', '']) {
      const { status, body } = await copy('jobs', as);
      assert.ok(
        status === 409 ? body.code === 'restore-state' : status === 400,
        `${as}: ${status} ${body.code}`,
      );
    }
    assert.deepEqual(await tables(), ['jobs_one', 'jobs_then']);
  });

  it('are at most as many as is configured, however many are requested at once', async () => {
    const asked = await Promise.all(Array.from({ length: 8 }, (_, i) => copy('jobs', `at_once_${i}`)));
    assert.deepEqual(asked.map(({ status }) => status).sort(), [201, ...Array(7).fill(409)]);
    const refused = asked.find(({ status }) => status === 409)!.body;
    assert.equal(refused.code, 'restore-state');
    assert.match(
      refused.detail!,
      /^there are 3 copies, .* LONGSHORE_COPIES allows 3: delete one with DELETE/,
    );
    assert.equal((await tables()).length, MOST);
    assert.equal((await copy('jobs', 'dry', { dryRun: true })).status, 201, 'a dry run makes none');

    const made = (await names()).find((name) => name.startsWith('at_once_'))!;
    assert.equal((await remove(made)).status, 204);
    const twice = await Promise.all([copy('jobs', 'same'), copy('jobs', 'same')]);
    assert.deepEqual(twice.map(({ status }) => status).sort(), [201, 409]);
    assert.equal((await remove('same')).status, 204);
  });

  it('are deleted with all that is theirs, which the audit log has', async () => {
    const { key, id } = await makeKey({});
    assert.equal((await remove('jobs_one', key)).status, 204);
    assert.deepEqual([await tables(), await names()], [['jobs_then'], ['jobs_then']]);
    const again = await remove('jobs_one', key);
    assert.deepEqual([again.status, again.body.code], [404, 'unknown-copy']);
    const entries = await until(
      async () => ((await get('/v1/audit')).body as unknown as { entries: AuditEntry[] }).entries,
      (seen) => seen.filter(({ keyId }) => keyId === id).length === 2,
    );
    assert.deepEqual(
      entries
        .filter(({ keyId }) => keyId === id)
        .map(({ action, target, table, status }) => [action, target, table, status]),
      [
        ['copy.delete', 'jobs_one', null, 404],
        ['copy.delete', 'jobs_one', 'jobs', 204],
      ],
    );
    const reader = await makeKey({ scopes: ['read'] });
    assert.equal((await remove('jobs_then', reader.key)).status, 403);
    assert.equal((await stack.rows('jobs')).length, 2, 'the table itself stays');
  });

  it('a limited API key neither sees nor deletes copies of other tables', async () => {
    assert.equal((await copy('departments', 'departments_then')).status, 201);
    const { key } = await makeKey({ tables: ['departments'] });
    const response = await fetch(`${stack.url}/v1/copies`, { headers: { 'x-api-key': key } });
    const { copies } = (await response.json()) as Page;
    assert.deepEqual(
      copies.map(({ name }) => name),
      ['departments_then'],
    );
    assert.equal((await remove('jobs_then', key)).status, 404);
    assert.equal((await remove('departments_then', key)).status, 204);
    assert.deepEqual(await names(), ['jobs_then']);
  });

  it('stay while somebody reads them or something depends on them, and say so', async () => {
    await db.query('create view leans_on as select * from longshore_copies.jobs_then');
    const leaning = await remove('jobs_then');
    assert.deepEqual([leaning.status, leaning.body.code], [409, 'copy-state']);
    assert.match(leaning.body.detail!, /depends on longshore_copies\.jobs_then/);
    await db.query('drop view leans_on');
    const reader = await db.connect();
    try {
      await reader.query('begin');
      await reader.query('select from longshore_copies.jobs_then');
      const read = await remove('jobs_then');
      assert.deepEqual([read.status, read.body.code], [409, 'copy-state']);
    } finally {
      await reader.end();
    }
    assert.deepEqual(await names(), ['jobs_then']);
  });

  it('copies that were dropped by SQL are not listed, and their names are free', async () => {
    await db.query('drop table longshore_copies.jobs_then');
    assert.deepEqual(await names(), []);
    assert.equal((await remove('jobs_then')).status, 404);
    assert.equal((await copy('departments', 'jobs_then')).status, 201);
    assert.deepEqual(
      (await list()).copies.map(({ name, table }) => [name, table]),
      [['jobs_then', 'departments']],
    );
  });
});
