import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openDatabase } from '../../src/db/database.ts';
import { readHistory } from '../../src/dictionary/dictionary-history.ts';
import { type Descriptor, newestNo } from '../../src/dictionary/dictionary-versions.ts';
import { readDescriptor } from '../../src/dictionary/read-dictionary.ts';
import { LongshoreError } from '../../src/errors.ts';
import { dropRemovedTables } from '../../src/housekeeping/housekeeping.ts';
import type { Inferred } from '../../src/infer/contract.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { addTables } from '../../src/tables/add-tables.ts';
import { settleDictionary } from '../../src/tables/settle-dictionary.ts';
import { lockTable } from '../support/batch-api.ts';
import { testDatabase } from '../support/database.ts';
import { eventually, until } from '../support/eventually.ts';
import { gateTo } from '../support/gate.ts';
import { type Cleanup, testHome } from '../support/home.ts';
import { longshore, startLongshore } from '../support/longshore.ts';
import { type TestStack, testStack } from '../support/stack.ts';

const whole = (name: string) => ({ name, type: 'integer' });
const text = (name: string, constraints = {}) => ({ name, type: 'string', constraints });
const resource = (name: string, fields: readonly object[], more: object = {}) => ({
  name,
  schema: { fields, primaryKey: ['id'], ...more },
});
const refersTo = (field: string, table: string) => ({
  foreignKeys: [{ fields: [field], reference: { resource: table, fields: ['id'] } }],
});
const ORDERS = resource('orders', [whole('id'), text('customer', { required: true }), whole('job_id')], {
  ...refersTo('job_id', 'jobs'),
});

type Body = Record<string, unknown> & { readonly code?: string; readonly detail?: string };
const bodyOf = (answer: { readonly body: object }) => answer.body as unknown as Body;

async function namesOf(stack: TestStack): Promise<string[]> {
  const { resources } = bodyOf(await stack.get('/v1/dictionary')) as { resources?: { name: string }[] };
  return resources!.map(({ name }) => name).sort();
}

describe('tables that come to a running platform', async () => {
  const cleanups: (() => unknown)[] = [];
  const t: Cleanup = { after: (action) => void cleanups.unshift(action) };
  after(async () => {
    for (const cleanup of cleanups) await cleanup();
  });
  const { url: DATABASE_URL } = await testDatabase(t);
  const home = await testHome(t);
  const env = { DATABASE_URL, LONGSHORE_STORAGE: `file:${home}/storage` };
  const one = await testStack(t, undefined, { env });
  const { address, namespace } = one.temporal;
  const two = await testStack(t, undefined, {
    env: { ...env, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace },
    worker: false,
  });
  const { db } = one;
  const add = (body: object, stack = one, query = '') => stack.post(`/v1/tables${query}`, body);

  it('are made, filled and read by every process, without a restart', async () => {
    const made = await add(ORDERS);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const body = bodyOf(made);
    assert.equal(body.name, 'orders');
    assert.deepEqual(body.added, ['orders']);
    assert.match(String((body.statements as string[]).join('\n')), /create table "public"\."orders"/);
    assert.equal((body.resource as { encoding: string }).encoding, 'utf-8');
    // The other process finds it when it is asked for it, and by itself.
    const loaded = await two.load('orders', 'id,customer,job_id\n1,Ada,\n2,,\n');
    assert.deepEqual(
      [loaded.body.status, loaded.body.rows.loaded, loaded.body.rows.rejected],
      ['done', 1, 1],
    );
    await eventually(async () => (await namesOf(two)).includes('orders'), true);
    for (const [stack, id] of [
      [one, 3],
      [two, 4],
    ] as const) {
      const sent = await stack.post('/v1/tables/orders/rows', [{ id, customer: 'Grace' }]);
      assert.equal(sent.status, 201, JSON.stringify(sent.body));
    }
    assert.deepEqual(
      (await one.rows('orders')).map(({ id }) => id),
      ['1', '3', '4'],
    );
    const document = bodyOf(await two.get('/openapi.json')) as unknown as {
      components: { schemas: Record<string, unknown> };
    };
    assert.ok(document.components.schemas.Row_orders);
    const backup = await two.post('/v1/backups', {}, { prefer: 'wait=50' });
    const held = (bodyOf(backup) as unknown as { tables: { table: string }[] }).tables;
    assert.ok(
      held.some(({ table }) => table === 'orders'),
      JSON.stringify(backup.body),
    );
    const [seen] = await db.query<{ n: string }>('select count(*) as n from longshore_read.orders');
    assert.equal(seen?.n, '3');
  });

  it('are told and not made by a dry run', async () => {
    const before = await newestNo(db);
    const told = await add(resource('planned', [whole('id')]), one, '?dryRun=true');
    assert.equal(told.status, 200, JSON.stringify(told.body));
    assert.deepEqual([bodyOf(told).dryRun, bodyOf(told).added], [true, ['planned']]);
    assert.match(String(bodyOf(told).statements), /create table "public"\."planned"/);
    assert.equal(await newestNo(db), before);
    assert.equal((await one.get('/v1/tables/planned')).status, 404);
    const faulty = await add(resource('planned', [{ name: 'id', type: 'nope' }]), one, '?dryRun=true');
    assert.equal(faulty.status, 422);
  });

  it('may be sent again, and are one table; another definition is refused, with what differs', async () => {
    const again = await add(ORDERS, two);
    assert.deepEqual([again.status, bodyOf(again).added], [200, []], JSON.stringify(again.body));
    const other = await add({
      ...ORDERS,
      schema: { ...ORDERS.schema, fields: [whole('id'), whole('customer')] },
    });
    assert.equal(other.status, 422, 'its key needs a field');
    const changed = structuredClone(ORDERS);
    Object.assign(changed.schema.fields[1]!, { type: 'integer' });
    const refused = await add(changed);
    assert.deepEqual([refused.status, refused.body.code], [409, 'table-exists']);
    assert.match(refused.body.detail!, /orders already, with another definition \(fields\.customer\.type/);
    // Orders refer to its key.
    const keyless = await add({ name: 'jobs', schema: { fields: [whole('id')] } });
    assert.deepEqual(
      [keyless.status, keyless.body.code],
      [409, 'table-exists'],
      JSON.stringify(keyless.body),
    );
  });

  it('come together, in any order, with references among them, or not at all', async () => {
    const before = await newestNo(db);
    const lines = resource('lines', [whole('id'), whole('parcel')], refersTo('parcel', 'parcels'));
    const parcels = resource('parcels', [whole('id'), whole('order_id')], refersTo('order_id', 'orders'));
    const bad = { ...parcels, schema: { ...parcels.schema, ...refersTo('order_id', 'nowhere') } };
    const faulty = await add({ resources: [lines, bad] });
    assert.deepEqual([faulty.status, faulty.body.code], [422, 'dictionary-invalid']);
    const { errors } = bodyOf(faulty) as { errors?: { pointer: string }[] };
    assert.deepEqual(
      errors?.map(({ pointer }) => pointer),
      ['#/resources/1/schema/foreignKeys/0/reference/resource'],
    );
    const lone = await add(bad);
    const [place] = (bodyOf(lone) as { errors?: { pointer: string }[] }).errors ?? [];
    assert.equal(place?.pointer, '#/schema/foreignKeys/0/reference/resource');
    assert.equal(await newestNo(db), before);
    const made = await add({ name: 'logistics', resources: [lines, parcels] });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const tables = (bodyOf(made) as { tables?: { name: string }[] }).tables;
    assert.deepEqual(
      tables?.map(({ name }) => name),
      ['parcels', 'lines'],
    );
    assert.equal(await newestNo(db), before! + 1);
    for (const nothing of [{}, { resources: [] }, { resources: 'x' }, { resources: [null, 3] }]) {
      const none = await add(nothing);
      assert.deepEqual([none.status, none.body.code], [422, 'dictionary-invalid'], JSON.stringify(nothing));
    }
  });

  it('have names that nothing else has: not in the database, and not in another case', async () => {
    await db.query(
      'create view mine as select 1 as id; create type kind as enum (); create table own (id int); create index an_index on own (id)',
    );
    for (const [name, why] of [
      ['mine', /the database has a view mine already/],
      ['kind', /the database has a type kind already/],
      ['own', /the database has a table own already, which is not in the dictionary/],
      ['an_index', /the database has an index an_index/],
      ['Orders', /Orders differs from the table orders by upper and lower case only/],
    ] as const) {
      const refused = await add(resource(name, [whole('id')]));
      assert.deepEqual([refused.status, refused.body.code], [409, 'table-exists'], name);
      assert.match(refused.body.detail!, why);
    }
    const two = await add({ resources: [resource('Twin', [whole('id')]), resource('twin', [whole('id')])] });
    assert.equal(two.status, 409, JSON.stringify(two.body));
    for (const [name, status] of [
      ['select', 201],
      ['pg_x', 422],
      ['a b', 422],
      ['', 422],
    ] as const) {
      assert.equal((await add(resource(name, [whole('id')]))).status, status, name);
    }
    const system = await add(resource('sys', [whole('id'), whole('ctid')]));
    assert.match(system.body.detail!, /#\/schema\/fields\/1\/name: "ctid" is a system column/);
  });

  it('are one when two people add them at once: the other one is told', async () => {
    const [a, b] = [resource('race', [whole('id')]), resource('race', [whole('id'), text('x')])];
    const answers = await Promise.all([add(a, one), add(b, two)]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409], JSON.stringify(answers));
    const same = resource('calm', [whole('id')]);
    const alike = await Promise.all([add(same, one), add(same, two), add(same, one)]);
    assert.deepEqual(alike.map(({ status }) => status).sort(), [200, 200, 201], JSON.stringify(alike));
  });

  it('are neither in the ledger nor in the database when the connection is lost between the two', async () => {
    const before = await newestNo(db);
    await using lock = await lockTable(db, 'jobs');
    const lost = add(resource('half', [whole('id'), whole('job')], refersTo('job', 'jobs')));
    await eventually(async () => {
      const ended = await db.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = 'longshore api' and wait_event_type = 'Lock'`,
      );
      return ended.length > 0;
    }, true);
    const answer = await lost;
    assert.ok(answer.status >= 409, JSON.stringify(answer));
    await lock.release();
    assert.equal(await newestNo(db), before);
    const [there] = await db.query<{ there: boolean }>(`select to_regclass('half') is not null as there`);
    assert.equal(there?.there, false);
  });

  it('are an admin key’s to add, and recorded', async () => {
    const { body } = await one.post('/v1/keys', { name: 'w', scopes: ['write'] });
    const { key } = body as unknown as { key: string };
    const refused = await one.post('/v1/tables', ORDERS, { 'x-api-key': key });
    assert.equal(refused.status, 403);
    await eventually(async () => {
      const { entries } = bodyOf(await one.get('/v1/audit?action=table.add')) as unknown as {
        entries: { target: string; status: number; keyId: string; table: string }[];
      };
      return entries?.some(
        ({ target, status, table }) => [target, status, table].join() === 'orders,201,orders',
      );
    }, true);
  });

  const remove = (name: string, query = '', stack = one) =>
    fetch(`${stack.url}/v1/tables/${name}${query}`, {
      method: 'DELETE',
      headers: { 'x-api-key': stack.key },
    }).then(async (response) => ({ status: response.status, body: (await response.json()) as Body }));
  const inUse = async (name: string, why: RegExp, query = '') => {
    const refused = await remove(name, query);
    assert.deepEqual(
      [refused.status, refused.body.code],
      [409, 'table-in-use'],
      JSON.stringify(refused.body),
    );
    assert.match(refused.body.detail!, why);
  };

  it('stay while something needs them, and say what', async () => {
    await inUse('orders', /refers to it: the table parcels/, '?confirm=orders');
    await inUse('hired_employees', /reads it: the reports departments-above-mean, hires-by-quarter/);
    await db.query('create view on_lines as select id from lines');
    await inUse('lines', /depends on it in the database: view on_lines/);
    await db.query('drop view on_lines');
    const { body } = await one.load('lines', 'id,parcel\n1,\n');
    await db.query('update longshore.load set finished_at = null where id = $1', [body.id]);
    await inUse('lines', new RegExp(`writes to it: the load ${body.id}`));
    await db.query('update longshore.load set finished_at = now() where id = $1', [body.id]);
    const lock = await lockTable(db, 'lines');
    const sent = two.post('/v1/tables/lines/rows', [{ id: 2 }]);
    await eventually(async () => (await lock.waiting()) > 0, true);
    const waiting = await remove('lines', '?confirm=lines', two);
    assert.match(waiting.body.detail!, /are being written to it: 1 batch$/);
    // The other process, too, though it finds the table locked until Temporal's list has the batch.
    const elsewhere = await until(
      () => remove('lines', '?confirm=lines', one),
      ({ body }) => body.code === 'table-in-use',
    );
    assert.match(elsewhere.body.detail!, /are being written to it: 1 batch$/);
    await lock.release();
    assert.equal((await sent).status, 201);
    await db.query('delete from lines where id = 2');
    const unsure = await remove('lines');
    assert.deepEqual([unsure.status, unsure.body.code], [409, 'table-holds-rows']);
    assert.match(unsure.body.detail!, /^lines holds 1 row$/);
    const wrong = await remove('lines', '?confirm=line');
    assert.match(wrong.body.detail!, /lines holds 1 row, and "line" is not its name/);
    assert.equal((await remove('nowhere')).status, 404);
    assert.equal((await one.rows('lines')).length, 1);
  });

  it('leave every process, with their rows kept aside, and come back as they were', async () => {
    const scheduled = { id: 'of-lines', kind: 'backup', cron: '0 3 * * *', tables: ['lines'] };
    assert.equal((await one.post('/v1/schedules', scheduled)).status, 201);
    const { status, body } = await remove('lines', '?confirm=lines');
    assert.deepEqual([status, body.table, body.rows], [200, 'lines', 1], JSON.stringify(body));
    await eventually(async () => (await two.get('/v1/tables/lines')).status, 404);
    const [relations] = await db.query<{ live: boolean; view: boolean }>(
      `select to_regclass('lines') is not null as live, to_regclass('longshore_read.lines') is not null as view`,
    );
    assert.deepEqual({ ...relations }, { live: false, view: false });
    const broken = (bodyOf(await one.get('/v1/schedules/of-lines')) as { broken?: Body }).broken;
    assert.equal(broken?.code, 'unknown-table');
    // Nothing out of sight keeps what it referred to from being removed itself.
    const parcels = await remove('parcels');
    assert.equal(parcels.status, 200, JSON.stringify(parcels.body));
    const early = await one.post(`/v1/removed-tables/${body.id}/bring-back`);
    assert.deepEqual(
      [early.status, early.body.code],
      [409, 'dictionary-conflict'],
      JSON.stringify(early.body),
    );
    assert.match(early.body.detail!, /lines can not come back: the dictionary has no table "parcels"/);
    const { removed } = bodyOf(await two.get('/v1/removed-tables')) as unknown as { removed: Body[] };
    assert.deepEqual(
      removed.map(({ table }) => table),
      ['parcels', 'lines'],
    );
    for (const id of [parcels.body.id, body.id, body.id]) {
      const back = await two.post(`/v1/removed-tables/${id}/bring-back`);
      assert.equal(back.status, 200, JSON.stringify(back.body));
    }
    assert.equal((await one.rows('lines')).length, 1);
    const dangling = await one.load('lines', 'id,parcel\n2,77\n', { maxRejects: 'none' });
    assert.equal(dangling.body.rows.rejected, 1, 'its reference is back');
    const again = await one.load('lines', 'id,parcel\n1,\n');
    assert.equal(again.body.existing, true, 'it is the table that the file was loaded into');
    assert.equal((bodyOf(await one.get('/v1/schedules/of-lines')) as { broken?: Body }).broken, null);
    assert.equal((await one.post('/v1/removed-tables/999/bring-back')).body.code, 'unknown-removed-table');
  });

  it('make room for others of their names, which are other tables', async () => {
    const csv = 'id,x\n1,a\n';
    assert.equal((await add(resource('race2', [whole('id'), text('x')]))).status, 201);
    assert.equal((await one.load('race2', csv)).body.status, 'done');
    const { body } = await remove('race2', '?confirm=race2', two);
    assert.equal((await add(resource('race2', [text('id'), text('x')]))).status, 201);
    const loaded = await two.load('race2', csv);
    assert.deepEqual([loaded.body.status, loaded.body.existing], ['done', false]);
    for (const stack of [one, two]) {
      const sent = await stack.post('/v1/tables/race2/rows', [{ id: stack === one ? 'b' : 'c' }]);
      assert.equal(sent.status, 201, JSON.stringify(sent.body));
    }
    assert.deepEqual(
      (await one.rows('race2')).map(({ id }) => id),
      ['1', 'b', 'c'],
    );
    const taken = await one.post(`/v1/removed-tables/${body.id}/bring-back`);
    assert.deepEqual([taken.status, taken.body.code], [409, 'table-exists'], JSON.stringify(taken.body));
    // Its time is over.
    await db.query('update longshore.removed_table set drop_at = now() where id = $1', [body.id]);
    await dropRemovedTables({ db, log: createLogger({ level: 'silent', process: 'test' }) });
    const left = await db.query(
      `select relname from pg_class where relnamespace = 'longshore_removed'::regnamespace`,
    );
    assert.deepEqual(left, []);
    assert.equal((await one.post(`/v1/removed-tables/${body.id}/bring-back`)).status, 404);
  });

  it('are referred to by files of which they have all values, by those who may read them', async () => {
    const bounded = { name: 'id', type: 'integer', constraints: { minimum: 1, maximum: 9_999 } };
    const code = { name: 'code', type: 'string', constraints: { unique: true } };
    await add(resource('clients', [bounded, code]));
    await add({
      name: 'slots',
      schema: { fields: [whole('client_id'), whole('slot_no')], primaryKey: ['client_id', 'slot_no'] },
    });
    const numbers = Array.from({ length: 30 }, (_, at) => at + 1);
    await one.load('clients', `id,code\n${numbers.map((no) => `${no},K ${no}\n`).join('')}`);
    await one.load('slots', `client_id,slot_no\n${numbers.map((no) => `${no},${no % 3}\n`).join('')}`);
    const lookUp = async (table: string, fields: string[], keys: string[][]) => {
      const { status, body } = await one.post(`/v1/tables/${table}/look-up`, { fields, keys });
      assert.equal(status, 200, JSON.stringify(body));
      return (body as unknown as { missing: number[] }).missing;
    };
    const odd = ['1', ' 02', '31', 'x', '', '99999999999', '-1', '9'.repeat(40)];
    assert.deepEqual(
      await lookUp(
        'clients',
        ['id'],
        odd.map((key) => [key]),
      ),
      [2, 3, 4, 5, 6, 7],
    );
    assert.deepEqual(await lookUp('clients', ['code'], [['K 7'], ['K 7 '], ["K '"], ['']]), [1, 2, 3]);
    assert.deepEqual(
      await lookUp(
        'slots',
        ['slot_no', 'client_id'],
        [
          ['1', '1'],
          ['2', '1'],
        ],
      ),
      [1],
    );

    const visits = `visit_no;client_id\n${numbers.map((no) => `V${no};${no}\n`).join('')}`;
    const infer = async (key: string) => {
      const response = await fetch(`${one.url}/v1/dictionary/infer?name=visits.csv`, {
        method: 'POST',
        headers: { 'x-api-key': key, 'content-type': 'text/csv' },
        body: visits,
      });
      const { descriptor } = (await response.json()) as Inferred;
      return (descriptor.resources[0]!.schema as { foreignKeys?: unknown }).foreignKeys;
    };
    const reference = [{ fields: ['client_id'], reference: { resource: 'clients', fields: ['id'] } }];
    assert.deepEqual(await infer(one.key), reference);
    const keyOf = async (scopes: string[], tables?: string[]) =>
      String(bodyOf(await one.post('/v1/keys', { name: scopes.join(), scopes, tables })).key);
    assert.equal(await infer(await keyOf(['write'])), undefined, 'it may not read');
    assert.equal(await infer(await keyOf(['read', 'write'], ['jobs'])), undefined, 'it is limited');
    assert.deepEqual(await infer(await keyOf(['read', 'write'], ['clients'])), reference);

    const lock = await lockTable(db, 'clients');
    assert.equal(await infer(one.key), undefined, 'it is locked');
    await lock.release();
    await writeFile(join(home, 'visits.csv'), visits);
    const env = { LONGSHORE_URL: one.url, LONGSHORE_KEY: one.key };
    const added = await longshore(['add', 'visits.csv', '--yes'], { cwd: home, env });
    assert.equal(added.code, 0, added.stderr);
    assert.match(added.stdout, /client_id refers to clients \(id\) \(all 30 values are in clients\.id\)/);
    const again = await longshore(['add', 'visits.csv', '--yes'], { cwd: home, env });
    assert.match(again.stderr, /with the same definition/);
    const made = (await one.get('/v1/tables/visits')).body as unknown as {
      rows: number;
      resource: { schema: { foreignKeys: unknown } };
    };
    assert.deepEqual([made.rows, made.resource.schema.foreignKeys], [30, reference]);
  });

  it('come and leave by commands', async () => {
    const file = join(home, 'notes.json');
    await writeFile(file, JSON.stringify(resource('notes', [whole('id'), text('note', { required: true })])));
    const run = async (...args: string[]) => {
      const env = { LONGSHORE_URL: one.url, LONGSHORE_KEY: one.key };
      const { code, stdout, stderr } = await longshore(['table', ...args], { cwd: home, env });
      return { code, said: stdout + stderr };
    };
    const dry = await run('add', 'notes.json', '--dry-run');
    assert.equal(dry.code, 0, dry.said);
    assert.match(dry.said, /^It would add notes:\ncreate table "public"\."notes"/);
    assert.match(
      (await run('add', 'notes.json')).said,
      /^Added notes\. The dictionary is version 1\.0\.0\+\d+ now\.\n$/,
    );
    assert.match((await run('add', 'notes.json')).said, /are there already, with the same definition/);
    const shown = await run('show', 'notes');
    assert.match(
      shown.said,
      /^notes: 0 rows, .*\n\nfield +type +format +constraints\nid +integer[\s\S]*note +string +required[\s\S]*primary key: id\n$/,
    );
    const { said: descriptor } = await run('show', 'notes', '--descriptor');
    await writeFile(join(home, 'again.json'), descriptor);
    assert.match((await run('add', 'again.json')).said, /with the same definition/);
    await db.query(`insert into notes values (1, 'one')`);
    const unsure = await run('remove', 'notes');
    assert.equal(unsure.code, 1);
    assert.match(unsure.said, /notes holds 1 row[\s\S]*--confirm <table>/);
    assert.match(
      (await run('remove', 'notes', '--confirm', 'notes')).said,
      /^notes is removed, with 1 row\.\nUntil .*: longshore table bring-back \d+\n$/,
    );
    assert.match((await run('removed')).said, /notes +1 /);
    assert.match((await run('bring-back', 'notes')).said, /^notes is back, with 1 row\.\n$/);
    assert.match((await run('removed')).said, /^No removed tables\.\n$/);
    assert.equal((await run('bring-back', 'notes')).code, 1);
    assert.match((await run('add', 'nowhere.json')).said, /nowhere\.json can not be read/);
  });

  /** As the people do who have files in their folders. */
  async function addFile(cwd: string, url: string, ...args: string[]) {
    const { code, stdout, stderr } = await longshore(['add', '--yes', ...args], {
      cwd,
      env: { LONGSHORE_URL: url, LONGSHORE_KEY: one.key },
    });
    return { code, said: stdout + stderr };
  }

  /** Two people add a file each, and both ask for the table at the same moment. */
  async function addAtOnce(name: string, files: readonly [string, string]) {
    const gate = await gateTo(t, () => one.url);
    const folders = files.map((_, at) => join(home, `${name}-${at}`));
    for (const [at, folder] of folders.entries()) {
      await mkdir(folder);
      await writeFile(join(folder, `${name}.csv`), files[at]!);
    }
    const holds = [gate.hold(/^POST \/v1\/tables$/, 'nowhere'), gate.hold(/^POST \/v1\/tables$/, 'nowhere')];
    const ends = folders.map((folder) => addFile(folder, gate.url, `${name}.csv`));
    for (const release of await Promise.all(holds)) release();
    const ended = await Promise.all(ends);
    const codes = ended.map(({ code }) => code);
    assert.deepEqual(codes.toSorted(), [0, 1], JSON.stringify(ended));
    const loser = codes.indexOf(1);
    return {
      said: ended[loser]!.said,
      folder: folders[loser]!,
      wins: files[1 - loser]!,
      loses: files[loser]!,
    };
  }

  const idsIn = async (table: string) => (await one.rows(table)).map(({ id }) => Number(id));

  it('are one person’s when two add the same file at once, and the other one’s after the same command', async () => {
    const csv = 'id,x\n1,a\n2,b\n3,c\n';
    const { said, folder } = await addAtOnce('same', [csv, csv]);
    assert.match(
      said,
      /somebody else has created the table same in the meantime, with the same definition: nothing was loaded\n {2}The same command again/,
    );
    const again = await addFile(folder, one.url, 'same.csv');
    assert.equal(again.code, 0, again.said);
    assert.match(again.said, /there already, with the same definition[\s\S]*the same file was loaded before/);
    assert.deepEqual(await idsIn('same'), [1, 2, 3]);
  });

  it('hold one person’s rows when two files of one name come at once, and both after the same command', async () => {
    const [a, b] = ['id,x\n1,a\n2,b\n', 'id,x\n3,c\n4,d\n'];
    const { said, folder, wins } = await addAtOnce('alike', [a, b]);
    assert.match(said, /nothing was loaded/);
    assert.deepEqual(await idsIn('alike'), wins === a ? [1, 2] : [3, 4]);
    const again = await addFile(folder, one.url, 'alike.csv');
    assert.equal(again.code, 0, again.said);
    assert.deepEqual(await idsIn('alike'), [1, 2, 3, 4]);
  });

  it('are the first person’s when two files have other columns, and the other one is told what to do', async () => {
    const [a, b] = ['id,x\n1,a\n2,b\n', 'id,x,y\n3,c,\n4,d,1\n'];
    const { said, folder, wins, loses } = await addAtOnce('differ', [a, b]);
    assert.match(
      said,
      /\(table-exists\)[\s\S]*--table gives this one another name, and "longshore load FILE/,
    );
    assert.deepEqual(await idsIn('differ'), wins === a ? [1, 2] : [3, 4]);
    const renamed = await addFile(folder, one.url, 'differ.csv', '--table', 'differ_too');
    assert.equal(renamed.code, 0, renamed.said);
    assert.deepEqual(await idsIn('differ_too'), loses === a ? [1, 2] : [3, 4]);
  });

  it('come of files whatever they are called, and whatever their columns are', async () => {
    const folder = join(home, 'names');
    await mkdir(join(folder, 'other'), { recursive: true });
    const long = 'n'.repeat(200);
    const names: readonly (readonly [file: string, csv: string, table: string])[] = [
      ['a "b" c\'s\nfile.csv', 'id,x\n1,a\n2,b\n', 'a_b_c_s_file'],
      ['order.csv', 'id,select,from,ctid,user\n1,a,b,c,d\n2,e,f,g,h\n', 'order'],
      ['pg_class.csv', 'id,x\n1,a\n2,b\n', 'table_pg_class'],
      ['2026.csv', 'id,,x,x,X,_line\n1,a,b,c,d,e\n2,f,g,h,i,j\n', '2026'],
      ['Übersicht – März.csv', 'id,编号,Имя,שם\n1,a,b,c\n2,d,e,f\n', 'ubersicht_marz'],
      ['编号.csv', 'id,x\n1,a\n2,b\n', 'table'],
      [
        `${'l'.repeat(200)}.csv`,
        `id,${long},${long}x,${'ü'.repeat(200)}\n1,a,b,c\n2,d,e,f\n`,
        'l'.repeat(63),
      ],
      ['quoted.csv', '"id","a ""b""","c\nd"\n1,a,"b\nc"\n2,d,e\n', 'quoted'],
      ['one.csv', 'id\n1\n2\n', 'one'],
    ];
    for (const [file, csv, table] of names) {
      await writeFile(join(folder, file), csv);
      const { code, said } = await addFile(folder, one.url, `./${file}`);
      assert.equal(code, 0, said);
      assert.deepEqual(await idsIn(table), [1, 2], table);
    }
    // The next file has the supplier's headings as well, in another order.
    const next = await one.load('order', 'user,ctid,from,id,select\nu,c,f,3,s\n');
    assert.equal(next.body.rows.loaded, 1, JSON.stringify(next.body));
    const third = (await one.rows('order')).find(({ id }) => id === '3')!;
    assert.deepEqual([third.ctid_, third.user, third.select], ['c', 'u', 's']);
    await writeFile(join(folder, 'other', 'order.csv'), 'id,y\n5,1.5\n6,2.5\n');
    const taken = await addFile(folder, one.url, 'other/order.csv');
    assert.deepEqual(
      [taken.code, /the table order is there with another definition/.test(taken.said)],
      [1, true],
    );
    await writeFile(join(folder, 'fresh.csv'), 'id,z\n1,a\n');
    await writeFile(join(folder, 'other', 'fresh.csv'), 'id,y\n5,1.5\n6,2.5\n');
    const both = await addFile(folder, one.url, 'fresh.csv', 'other/fresh.csv');
    assert.equal(both.code, 0, both.said);
    assert.deepEqual([await idsIn('fresh'), await idsIn('fresh_2')], [[1], [5, 6]]);
  });

  it('leave a version each in the history, which says by whom it was and what changed', async () => {
    type Version = { no: number; change: string; changedBy: string; at: string } & Record<
      'added' | 'removed' | 'changed',
      string[]
    >;
    const pageAt = async (path: string) =>
      bodyOf(await two.get(path)) as unknown as { versions: Version[]; next: string | null };
    const both = [resource('hist', [whole('id')]), resource('hist_too', [whole('id')])];
    assert.equal((await add({ resources: both })).status, 201);
    assert.equal((await remove('hist')).status, 200);
    const newest = await newestNo(db);
    const page = await pageAt('/v1/dictionary/history?limit=2');
    const told = page.versions.map(({ no, change, added, removed, changed }) => ({
      ...{ no, change, added, removed, changed },
    }));
    assert.deepEqual(told, [
      { no: newest, change: 'remove', added: [], removed: ['hist'], changed: [] },
      { no: newest! - 1, change: 'add', added: ['hist', 'hist_too'], removed: [], changed: [] },
    ]);
    const [own] = await db.query<{ id: string }>('select id from longshore.api_key order by created_at');
    const id = own!.id;
    assert.ok(page.versions.every(({ changedBy }) => changedBy === id));
    let all = page;
    const numbers = page.versions.map(({ no }) => no);
    while (all.next !== null) {
      all = await pageAt(all.next);
      numbers.push(...all.versions.map(({ no }) => no));
    }
    assert.deepEqual(
      numbers,
      Array.from({ length: newest! }, (_, at) => newest! - at),
    );
    const first = all.versions.at(-1)!;
    assert.deepEqual([first.change, first.changedBy], ['start', 'start']);
    assert.deepEqual(first.added, ['departments', 'hired_employees', 'jobs']);
    const limited = await one.post('/v1/keys', { name: 'of one', scopes: ['read'], tables: ['hist_too'] });
    const headers = { 'x-api-key': (limited.body as unknown as { key: string }).key };
    const seen = await fetch(`${one.url}/v1/dictionary/history?limit=2`, { headers });
    const { versions } = (await seen.json()) as { versions: Version[] };
    assert.deepEqual(
      versions.map(({ added, removed }) => [added, removed]),
      [
        [[], []],
        [['hist_too'], []],
      ],
    );
    const env = { LONGSHORE_URL: one.url, LONGSHORE_KEY: one.key };
    const shown = await longshore(['dictionary', 'history', '--limit', '2'], { cwd: home, env });
    assert.match(shown.stdout, /^no +version +at \(UTC\) +change +by +tables\n/);
    assert.match(shown.stdout, new RegExp(`${newest! - 1} .* tables added +${id} +\\+hist \\+hist_too\\n?`));
    assert.match(shown.stdout, new RegExp(`${newest} .* table removed +${id} +-hist\n`));
  });

  it('are not made of what is no table, nor without a yes', async () => {
    const before = await newestNo(db);
    const folder = join(home, 'foreign');
    await mkdir(folder);
    const files: readonly (readonly [file: string, content: string | Buffer, why: RegExp])[] = [
      ['image.csv', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), /an image \(PNG\)/],
      ['cut.csv.gz', gzipSync('id,x\n1,a\n'.repeat(900)).subarray(0, 40), /its gzip data ends in the middle/],
      ['empty.csv', '', /empty\.csv is empty/],
      ['wide.csv', `${'c,'.repeat(4_999)}c\n`, /has 5000 columns, and a table can have 1500/],
    ];
    for (const [file, content, why] of files) {
      await writeFile(join(folder, file), content);
      const { code, said } = await addFile(folder, one.url, file);
      assert.deepEqual([code, why.test(said)], [2, true], said);
    }
    for (const [file, why] of [
      ['.', /it is a folder/],
      ['nowhere.csv', /no such file/],
    ] as const) {
      const { code, said } = await addFile(folder, one.url, file);
      assert.deepEqual([code, why.test(said)], [2, true], said);
    }
    await writeFile(join(folder, 'asked.csv'), 'id,x\n1,a\n');
    for (const answer of ['n\n', '']) {
      const env = { LONGSHORE_URL: one.url, LONGSHORE_KEY: one.key };
      const command = startLongshore(['add', 'asked.csv'], { cwd: folder, env });
      Object.assign(command.stdin, { isTTY: true });
      await eventually(async () => command.said().includes('Create asked, and load 1 row? [y/N]'), true);
      command.stdin.end(answer);
      const { code, stderr } = await command.ended;
      assert.deepEqual([code, /nothing was created, nothing was sent/.test(stderr)], [1, true], stderr);
    }
    assert.equal(await newestNo(db), before);
  });
});

/** Starts, one after the other, over one database: what each does before anything else. */
describe('a start', async () => {
  const { url } = await testDatabase({ after });
  const db = await openDatabase({ url, poolSize: 2 });
  after(() => db[Symbol.asyncDispose]());
  const sample = (await readDescriptor(undefined)).descriptor;
  const A = resource('a', [whole('id')]);
  const B = resource('b', [whole('id'), whole('n')]);
  const C = resource('c', [whole('id')]);
  const packageOf = (...resources: object[]) =>
    ({ name: 'p', version: '1.0', resources }) as unknown as Descriptor;
  const start = (file: Descriptor | null) => settleDictionary(url, { file, sample });
  const namesAfter = async (file: Descriptor | null) =>
    (await start(file)).dictionary.tables.map(({ name }) => name).sort();
  const add = (descriptor: object) =>
    db.transaction((tx) => addTables(tx, { descriptor, by: 'k1', dryRun: false }));

  it('with a file keeps what was added since, and without one goes on with the dictionary that is there', async () => {
    assert.deepEqual(await namesAfter(packageOf(A)), ['a']);
    assert.equal((await add(B)).dictionary.version, '1.0+2');
    const { dictionary } = await start(null);
    assert.deepEqual([dictionary.version, dictionary.no, dictionary.base], ['1.0+2', 2, 'file']);
    assert.deepEqual(dictionary.since, { a: 1, b: 2 });
    assert.deepEqual(await namesAfter(packageOf(A)), ['a', 'b']);
    assert.equal(await newestNo(db), 2, 'the same file is no new version');
    await db.query('insert into a values (1), (2)');
    const more = await start(packageOf(resource('a', [whole('id'), text('more')])));
    assert.deepEqual([more.dictionary.version, more.dictionary.since], ['1.0+3', { a: 1, b: 2 }]);
    assert.deepEqual(Object.keys((await db.query('select * from a'))[0]!), [
      'id',
      '_load_id',
      '_line',
      'more',
    ]);
    const [newest] = await readHistory(db, { limit: 1 });
    assert.deepEqual([newest?.change, newest?.added, newest?.changed], ['start', [], ['a']]);
    // JSON may have what PostgreSQL's own kind of it can not.
    await assert.rejects(
      db.transaction(async (tx) => {
        await tx.query(
          `update longshore.dictionary set descriptor = replace(descriptor, '"name":"b"', '"name":"b","title":"\\u0000 \\ud800"')
            where no = 3`,
        );
        const [told] = await readHistory(tx, { limit: 1 });
        assert.deepEqual(told?.changed, ['a', 'b']);
        throw new Error('as it was');
      }),
      /as it was/,
    );
    const versions = await db.query(
      'select no, change, tables, changed_by from longshore.dictionary order by no',
    );
    assert.deepEqual(
      versions.map((row) => Object.values(row)),
      [
        [1, 'start', ['a'], 'start'],
        [2, 'add', ['b'], 'k1'],
        [3, 'start', [], 'start'],
      ],
    );
  });

  it('is refused where the file leaves out a table of the last one that holds rows, and says which', async () => {
    await assert.rejects(start(packageOf(C)), (error) => {
      assert.ok(error instanceof LongshoreError);
      assert.equal(error.code, 'dictionary-conflict');
      assert.match(
        error.message,
        /does not have a any more, and it holds 2 rows: .* longshore table remove a/,
      );
      return true;
    });
    assert.deepEqual(await namesAfter(null), ['a', 'b'], 'nothing has changed');
    await db.query('truncate a');
    const { dictionary, notes } = await start(packageOf(C));
    assert.deepEqual(dictionary.tables.map(({ name }) => name).sort(), ['b', 'c']);
    assert.match(
      notes.join(),
      /^a has left the dictionary: the file does not have it, and it holds no rows$/,
    );
    assert.deepEqual(await db.query('select * from a'), [], 'it stays in the database');
  });

  it('with an earlier file goes on with the ledger’s while another process runs with the present one', async () => {
    const D = resource('d', [whole('id')]);
    await start(packageOf(C, D));
    await db.query(
      `insert into longshore.process (token, name, host, pid, dictionary_hash)
       select 't', 'api', 'elsewhere', 1, base_hash from longshore.dictionary order by no desc limit 1`,
    );
    const { dictionary, notes } = await start(packageOf(C));
    assert.deepEqual(dictionary.tables.map(({ name }) => name).sort(), ['b', 'c', 'd']);
    assert.match(notes.join(), /is an earlier one, and another API process runs with the present one/);
    await db.query(`update longshore.process set seen_at = now() - interval '1 hour'`);
    assert.deepEqual(await namesAfter(packageOf(C)), ['b', 'c']);
  });

  it('with a file that does not go together with what was added says what is in the way', async () => {
    await add(resource('child', [whole('id'), whole('c_id')], refersTo('c_id', 'c')));
    const before = await newestNo(db);
    await assert.rejects(
      start(packageOf(B)),
      /child, which is not in the file: the dictionary has no table "c"/,
    );
    assert.equal(await newestNo(db), before);
  });

  it('of an installation that kept no dictionary takes its file, or the sample, as before', async () => {
    await db.query('delete from longshore.dictionary');
    assert.deepEqual(await namesAfter(packageOf(B)), ['b']);
    await db.query('delete from longshore.dictionary');
    assert.deepEqual(await namesAfter(null), ['departments', 'hired_employees', 'jobs']);
    await db.query(`insert into jobs values (1, 'Clerk')`);
    const { dictionary, notes } = await start(packageOf(A));
    const names = dictionary.tables.map(({ name }) => name).sort();
    assert.deepEqual(names, ['a', 'jobs'], 'what holds rows of the sample stays');
    assert.match(notes.join(), /jobs of the sample holds rows and stays in the dictionary/);
  });
});
