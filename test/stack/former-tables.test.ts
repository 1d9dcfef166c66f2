import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { BackupView } from '../../src/backups/backup.ts';
import { testDatabase } from '../support/database.ts';
import { testHome } from '../support/home.ts';
import { longshore } from '../support/longshore.ts';
import { testStack } from '../support/stack.ts';

const whole = (name: string, constraints = {}) => ({ name, type: 'integer', constraints });
const text = (name: string, constraints = {}) => ({ name, type: 'string', constraints });
const table = (name: string, fields: readonly object[], primaryKey: readonly string[] = ['id']) => ({
  name,
  schema: { fields, ...(primaryKey.length > 0 && { primaryKey }) },
});

const BEFORE = {
  name: 'former',
  resources: [
    table('kept', [whole('id'), text('a'), text('gone'), whole('n'), text('must', { required: true })]),
    table('left', [whole('id'), text('secret')]),
    table('dropped', [whole('id'), text('a')]),
    table('keyed', [whole('id'), text('a')]),
  ],
};
const NOW = {
  name: 'former',
  resources: [
    table('kept', [whole('id'), text('a', { maxLength: 3 }), whole('n'), text('must'), text('new')]),
    table('keyed', [whole('id'), text('a')], []),
  ],
};

const KEYED = 'id,a\n1,one\n';

type Body = Record<string, unknown> & { readonly code?: string; readonly detail?: string };

/** Two platforms, one after the other, over one database and one home. */
describe('what is known of tables and fields that left the dictionary', async () => {
  const { url: DATABASE_URL } = await testDatabase({ after });
  const home = await testHome({ after });
  const env = { DATABASE_URL, LONGSHORE_HOME: home, LONGSHORE_STORAGE: `file:${home}/storage` };
  const stops: (() => Promise<unknown>)[] = [];
  const old = await testStack({ after: (stop) => void stops.push(stop) }, BEFORE, { env });

  const insert = (stack: typeof old, name: string, rows: readonly object[], key: string, query = '') =>
    stack.post(`/v1/tables/${name}/rows${query}`, rows, { 'idempotency-key': key });
  const SENT = [{ id: 5, secret: 'five' }, { id: 'x' }];
  const loads = new Map<string, number>();
  for (const [name, csv] of [
    ['kept', 'id,a,gone,n,must\n1,a,old,1,x\n2,long,old,2,x\n3,c,old,3,x\n4,,,,\n'],
    ['left', 'id,secret\n1,one\n2,two\nno,bad\n'],
    ['dropped', 'id,a\n1,one\n'],
    ['keyed', KEYED],
  ] as const) {
    const { body } = await old.load(name, csv);
    assert.equal(body.status, 'done', JSON.stringify(body));
    loads.set(name, body.id);
  }
  const first = await insert(old, 'left', SENT, 'first');
  assert.equal(first.status, 200, JSON.stringify(first.body));
  const merged = await insert(old, 'keyed', [{ id: 1, a: 'merged' }], 'merged', '?mode=merge');
  assert.equal(merged.status, 201, JSON.stringify(merged.body));
  const made = await old.post('/v1/backups', {}, { prefer: 'wait=50' });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const backup = made.body as unknown as BackupView;
  const scheduled = await old.post('/v1/schedules', {
    ...{ id: 'nightly', kind: 'backup', cron: '0 3 * * *', tables: ['kept', 'left'] },
  });
  assert.equal(scheduled.status, 201, JSON.stringify(scheduled.body));
  const limited = (await old.post('/v1/keys', {
    name: 'l',
    scopes: ['read', 'write'],
    tables: ['left'],
  })) as unknown as {
    body: { key: string };
  };
  // As of an installation that kept no dictionary when they left: a start would be refused otherwise.
  await old.db.query('delete from longshore.dictionary');
  for (const stop of stops) await stop();

  const stack = await testStack({ after }, NOW, { env });
  const { db, get } = stack;
  before(() => db.query(`update kept set a = 'changed' where id = 1; drop table dropped cascade`));
  const ok = async (path: string, headers: Record<string, string> = {}): Promise<Body> => {
    const response = await fetch(stack.url + path, { headers: { 'x-api-key': stack.key, ...headers } });
    const body = await response.text();
    assert.equal(response.status, 200, `${path}: ${body}`);
    return /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(body) : { text: body };
  };
  const restore = async (name: string, body: object) => {
    const answer = await stack.post(`/v1/tables/${name}/restore`, body, { prefer: 'wait=50' });
    return { status: answer.status, body: answer.body as unknown as Body };
  };
  const diff = async (name: string) => {
    const { status, body } = await get(`/v1/backups/${backup.id}/diff?table=${name}`);
    return { status, body: body as unknown as Body };
  };

  it('is read as ever: loads, their rejects, batches, backups, schedules and keys', async () => {
    const id = loads.get('left')!;
    const { loads: listed } = (await ok('/v1/loads?table=left')) as unknown as { loads: { id: number }[] };
    assert.deepEqual(
      listed.map((load) => load.id),
      [id],
    );
    assert.equal((await ok(`/v1/loads/${id}`)).table, 'left');
    const { rejects } = (await ok(`/v1/loads/${id}/rejects`)) as unknown as {
      rejects: { cells: string[] }[];
    };
    assert.deepEqual(rejects[0]?.cells, ['no', 'bad']);
    assert.match(
      String((await ok(`/v1/loads/${id}/rejects?format=csv`)).text),
      /^id,secret,_line.*\r\nno,bad,4,/,
    );
    assert.equal((await ok(`/v1/loads/${id}/rejects/summary`)).rejected, 1);
    const { batches } = (await ok('/v1/batches?table=left')) as unknown as { batches: { id: string }[] };
    assert.equal(batches.length, 1);
    const csv = await ok(`/v1/batches/${batches[0]!.id}/rejects?format=csv`);
    assert.match(String(csv.text), /x/);
    assert.ok(Array.isArray((await ok('/v1/backups?table=left')).backups));
    assert.deepEqual((await ok('/v1/schedules/nightly')).tables, ['kept', 'left']);
    assert.ok(Array.isArray((await ok('/v1/schedules')).schedules));
    assert.ok(Array.isArray((await ok('/v1/restores?table=left')).restores));
    const own = await ok('/v1/loads', { 'x-api-key': limited.body.key });
    assert.deepEqual(
      (own as unknown as typeof own & { loads: { id: number }[] }).loads.map((load) => load.id),
      [id],
    );
    assert.deepEqual((await ok('/v1/tables', { 'x-api-key': limited.body.key })).tables, []);
  });

  it('is the first answer to a request that is repeated with its Idempotency-Key', async () => {
    for (const [name, rows, key, query, before] of [
      ['left', SENT, 'first', '', first],
      ['keyed', [{ id: 1, a: 'merged' }], 'merged', '?mode=merge', merged],
    ] as const) {
      const again = await insert(stack, name, rows, key, query);
      assert.deepEqual([again.status, again.body], [before.status, before.body], name);
    }
    const other = await insert(stack, 'left', [{ id: 6 }], 'first');
    assert.deepEqual([other.status, other.body.code], [422, 'idempotency-key-reused']);
    for (const key of ['new', undefined]) {
      const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
      const unknown = await stack.post('/v1/tables/left/rows', SENT, headers);
      assert.deepEqual([unknown.status, unknown.body.code], [404, 'unknown-table']);
      const keyless = await stack.post('/v1/tables/keyed/rows?mode=merge', [{ id: 1 }], headers);
      assert.deepEqual([keyless.status, keyless.body.code], [422, 'merge-needs-key']);
    }
    assert.deepEqual((await stack.rows('left')).length, 3);
  });

  it('is compared with the backup, in the fields that both have, and the others are named', async () => {
    const { status, body } = await diff('kept');
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(body.fields, { left: ['gone'], added: ['new'], retyped: [] });
    assert.deepEqual(
      (body.differences as { key: string[]; fields: object }[]).map(({ key, fields }) => [key, fields]),
      [[['1'], { a: { backup: 'a', now: 'changed' } }]],
    );
    assert.deepEqual([body.same, (body.counts as { changed: number }).changed], [2, 1]);

    await db.query(`update "left" set secret = 'other' where id = 2; alter table "left" add column mine int`);
    const former = await diff('left');
    assert.equal(former.status, 200, JSON.stringify(former.body));
    assert.deepEqual(
      (former.body.differences as { key: string[]; fields: object }[]).map(({ key, fields }) => [
        key,
        fields,
      ]),
      [[['2'], { secret: { backup: 'two', now: 'other' } }]],
    );
    const gone = await diff('dropped');
    assert.deepEqual([gone.status, gone.body.code], [404, 'unknown-table']);
    assert.match(gone.body.detail ?? '', /"dropped" is neither in the dictionary nor in the database/);
    const cursor = await get(
      `/v1/backups/${backup.id}/diff?table=kept&after=${Buffer.from('["1","2"]').toString('base64url')}`,
    );
    assert.deepEqual([cursor.status, cursor.body.code], [400, 'invalid-request']);
  });

  it('is restored under another name, by its backup or the latest, and in no other way', async () => {
    for (const [name, from, as] of [
      ['left', backup.id, 'left_then'],
      ['dropped', 'latest', 'dropped_then'],
      ['kept', backup.id, 'kept_then'],
    ] as const) {
      const refused = await restore(name, { backup: from });
      assert.deepEqual(
        [refused.status, refused.body.code],
        [422, 'restore-mismatch'],
        JSON.stringify(refused),
      );
      assert.match(String(refused.body.remedy), /another name/);
      const { status, body } = await restore(name, { backup: from, as });
      assert.equal(status, 201, JSON.stringify(body));
    }
    assert.deepEqual(
      (await stack.rows('left_then', 'longshore_copies')).map(({ id, secret }) => [id, secret]),
      [
        ['1', 'one'],
        ['2', 'two'],
        ['5', 'five'],
      ],
    );
    const keys = await restore('left', { backup: backup.id, as: 'left_one', keys: [['2']] });
    assert.equal(keys.status, 201, JSON.stringify(keys.body));
    const { copies } = (await ok('/v1/copies')) as unknown as { copies: { name: string; table: string }[] };
    assert.deepEqual(
      copies.map(({ name, table: of }) => [name, of]),
      [
        ['dropped_then', 'dropped'],
        ['kept_then', 'kept'],
        ['left_one', 'left'],
        ['left_then', 'left'],
      ],
    );
    const own = await fetch(`${stack.url}/v1/copies`, { headers: { 'x-api-key': limited.body.key } });
    assert.equal(((await own.json()) as { copies: object[] }).copies.length, 2);
    const client = await longshore(['restore', 'left', '--from', 'latest', '--as', 'left_last'], {
      cwd: home,
      env: { LONGSHORE_URL: stack.url, LONGSHORE_KEY: stack.key },
    });
    assert.equal(client.code, 0, client.stderr);
    for (const from of ['latest', backup.id]) {
      const never = await restore('never', { backup: from, as: 'never_then' });
      assert.deepEqual([never.status, never.body.code], [404, 'unknown-table'], JSON.stringify(never.body));
    }
  });

  it('is no obstacle to backups and drills of the rest, and is named by them', async () => {
    const drilled = await stack.post(`/v1/backups/${backup.id}/verify`, {}, { prefer: 'wait=50' });
    assert.equal(drilled.status, 201, JSON.stringify(drilled.body));
    const { verification } = (await ok(`/v1/backups/${backup.id}`)) as unknown as BackupView;
    assert.equal(verification?.ok, true);
    assert.ok(verification.misfits?.includes('left: the dictionary has no such table any more'));
    const all = await stack.post('/v1/backups', {}, { prefer: 'wait=50' });
    const { id, warnings } = all.body as unknown as BackupView;
    assert.ok(warnings.includes('table left is not in the dictionary: no backup holds it'), warnings.join());
    // The column of the field that left has values: those would be lost.
    const refused = await restore('kept', { backup: id, acceptBrokenRows: true });
    assert.deepEqual(
      [refused.status, refused.body.code],
      [409, 'restore-state'],
      JSON.stringify(refused.body),
    );
    assert.match(refused.body.detail ?? '', /column gone of kept is not in the dictionary/);
    await db.query('update kept set gone = null');
    const { status, body } = await restore('kept', { backup: id, acceptBrokenRows: true });
    assert.equal(status, 201, JSON.stringify(body));
    assert.equal((await stack.rows('kept')).length, 3);
  });

  it('is restored into a field that need not have a value any more, also where the database still wants one', async () => {
    const none = await stack.load('kept', 'id,a,n,must,new\n9,x,9,,\n');
    assert.equal(none.body.code, 'too-many-rejects', JSON.stringify(none.body));
    const all = await stack.post('/v1/backups', { tables: ['kept'] }, { prefer: 'wait=50' });
    await db.query('alter table kept alter column must drop not null');
    await db.query(`update kept set must = null where id = 2`);
    const { status, body } = await restore('kept', { backup: all.body.id, acceptBrokenRows: true });
    assert.equal(status, 201, JSON.stringify(body));
    assert.equal((await stack.rows('kept')).find(({ id }) => id === '2')?.must, 'x');
  });

  it('is said of a file that is sent again after the rules have changed, which force loads by those of today', async () => {
    const again = await stack.load('keyed', KEYED);
    const { existing, rulesChanged, hint, id } = again.body as unknown as Body;
    assert.deepEqual([again.status, existing, rulesChanged, id], [200, true, true, loads.get('keyed')]);
    assert.match(String(hint), /force=true/);
    // The primary key that left the dictionary still holds in the database.
    await db.query('truncate keyed');
    const forced = await stack.load('keyed', KEYED, { force: 'true' });
    assert.deepEqual([forced.status, forced.body.existing], [201, false], JSON.stringify(forced.body));
    const same = (await stack.load('keyed', KEYED)).body as unknown as Body;
    assert.deepEqual([same.existing, same.rulesChanged, same.hint], [true, false, undefined]);
  });
});
