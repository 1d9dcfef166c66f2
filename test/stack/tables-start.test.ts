import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openDatabase } from '../../src/db/database.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { LongshoreError } from '../../src/errors.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import { testDatabase } from '../support/database.ts';
import { until } from '../support/eventually.ts';
import type { Cleanup } from '../support/home.ts';
import { factsOf, rulesOf, ruleText } from '../support/table-facts.ts';

interface Resource {
  readonly name: string;
  readonly fields: readonly (string | object)[];
  readonly [property: string]: unknown;
}

/** Tables by what they have; a field is of type integer unless it says more. */
function dictionary(...resources: readonly Resource[]) {
  return parseDictionary({
    name: 'start',
    resources: resources.map(({ name, fields, ...schema }) => ({
      name,
      schema: {
        ...schema,
        fields: fields.map((field) => (typeof field === 'string' ? { name: field, type: 'integer' } : field)),
      },
    })),
  });
}

const string = (name: string, more: object = {}) => ({ name, type: 'string', ...more });
const to = (resource: string, ...fields: readonly string[]) => ({ resource, fields });

async function database(t: Cleanup) {
  const { url } = await testDatabase(t);
  const db = await openDatabase({ url, poolSize: 5 });
  t.after(async () => db[Symbol.asyncDispose]());
  /** Somebody else at the same database. */
  const session = async () => {
    const client = await db.connect();
    t.after(() => client.end());
    return client;
  };
  return {
    url,
    db,
    session,
    start: async (...resources: Resource[]) => ensureTables(url, dictionary(...resources)),
  };
}

async function refused(start: Promise<unknown>): Promise<readonly string[]> {
  const error = await start.then(
    () => assert.fail('the start went on'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof LongshoreError, String(error));
  assert.equal(error.code, 'dictionary-conflict');
  return error.places.map(({ detail }) => detail);
}

describe('a start makes the tables of its dictionary', () => {
  it('leaves a field that left with its values where one of the same type comes', async (t) => {
    const { db, start } = await database(t);
    await start({ name: 'w', fields: ['id', string('s')], primaryKey: 'id' });
    await db.query(`insert into w (id, s) values (1, 'kept')`);
    await start({ name: 'w', fields: ['id', string('secret')], primaryKey: 'id' });
    assert.deepEqual(await db.query('select id, s, secret from w'), [{ id: '1', s: 'kept', secret: null }]);
  });

  it('makes every key and reference, also where their names read the same or are cut', async (t) => {
    const { db, start } = await database(t);
    const long = 'n'.repeat(60);
    const resources: Resource[] = [
      { name: 'fp', fields: ['id', 'j'], primaryKey: 'id', uniqueKeys: [['id', 'j']] },
      {
        name: 'fclash',
        fields: ['id', 'a_b', 'a', 'b'],
        primaryKey: 'id',
        uniqueKeys: [['a_b'], ['a', 'b'], ['a_b', 'a']],
        foreignKeys: [
          { fields: 'a_b', reference: to('fp', 'id') },
          { fields: ['a', 'b'], reference: to('fp', 'id', 'j') },
        ],
      },
      { name: 'x', fields: ['id'], primaryKey: 'id' },
      { name: 'x_pkey', fields: ['id'], primaryKey: 'id' },
      { name: 'fclash_a_b_unique', fields: ['id'], primaryKey: 'id' },
      {
        name: long,
        fields: [`${long}xxx`, `${long}yyy`, `${long}zzz`],
        primaryKey: `${long}xxx`,
        uniqueKeys: [[`${long}yyy`], [`${long}zzz`], [`${long}xxx`, `${long}yyy`]],
      },
    ];
    await start(...resources);
    const rules = await rulesOf(db);
    const expected = [
      ruleText('u', 'fp', ['id', 'j']),
      ruleText('u', 'fclash', ['a_b']),
      ruleText('u', 'fclash', ['a', 'b']),
      ruleText('u', 'fclash', ['a_b', 'a']),
      ruleText('f', 'fclash', ['a_b>id'], 'fp'),
      ruleText('f', 'fclash', ['a>id', 'b>j'], 'fp'),
      ruleText('u', long, [`${long}yyy`]),
      ruleText('u', long, [`${long}zzz`]),
      ruleText('u', long, [`${long}xxx`, `${long}yyy`]),
      ...['fp', 'fclash', 'x', 'x_pkey', 'fclash_a_b_unique'].map((name) => ruleText('p', name, ['id'])),
      ruleText('p', long, [`${long}xxx`]),
    ];
    assert.deepEqual([...rules].sort(), expected.sort());
    const facts = await factsOf(db);
    await start(...resources);
    assert.deepEqual(await factsOf(db), facts);
  });

  it('knows rules by what they say, whatever they are called, and adds none twice', async (t) => {
    const { db, start } = await database(t);
    await db.query('create table p (id bigint not null, k bigint, _load_id bigint, _line bigint)');
    await db.query('alter table p add constraint p_pkey primary key (id)');
    await db.query('alter table p add constraint p_k_id_unique unique (k, id)');
    await db.query('create unique index by_hand on p (k)');
    await db.query(
      `create table c (id bigint not null, a bigint, b bigint, _load_id bigint, _line bigint,
         constraint c_pkey primary key (id),
         constraint c_a_b_foreign foreign key (b, a) references p (id, k) on delete cascade)`,
    );
    const facts = await factsOf(db);
    await start(
      { name: 'p', fields: ['id', 'k'], primaryKey: 'id', uniqueKeys: [['id', 'k'], ['k']] },
      {
        name: 'c',
        fields: ['id', 'a', 'b'],
        primaryKey: 'id',
        foreignKeys: [{ fields: ['a', 'b'], reference: to('p', 'k', 'id') }],
      },
    );
    assert.deepEqual(await factsOf(db), facts);
  });

  it('does not take a rule that PostgreSQL does not keep to for one', async (t) => {
    const { db, start } = await database(t);
    const resource = { name: 'c', fields: ['id', 'k'], primaryKey: 'id' };
    await start(resource);
    await db.query('alter table c add constraint lax foreign key (k) references c (id) not enforced');
    await db.query('create unique index partly on c (k) where k > 5');
    const rule = { foreignKeys: [{ fields: 'k', reference: to('', 'id') }], uniqueKeys: [['k']] };
    await start({ ...resource, ...rule });
    await db.query('insert into c (id, k) values (1, 1)');
    await assert.rejects(db.query('insert into c (id, k) values (2, 9)'), { code: '23503' });
    await assert.rejects(db.query('insert into c (id, k) values (3, 1)'), { code: '23505' });
  });

  it('names everything at odds at once, without a value of a row, and changes nothing', async (t) => {
    const { db, start } = await database(t);
    await start(
      { name: 'p', fields: ['id'], primaryKey: 'id' },
      {
        name: 't',
        fields: ['id', string('was'), string('must', { constraints: { required: true } }), 'a', 'b'],
        primaryKey: 'id',
      },
    );
    await db.query(
      `insert into t (id, was, must, a, b) values (1, 'x', 'y', 4711, 1), (2, 'x', 'y', 4711, 1)`,
    );
    await db.query('create view v as select 1 as id; create sequence s; create type e as enum ()');
    const facts = await factsOf(db);
    const places = await refused(
      start(
        { name: 'p', fields: ['id', 'more'], primaryKey: 'id' },
        {
          name: 't',
          fields: ['id', 'was', string('new', { constraints: { required: true } }), 'a', 'b'],
          primaryKey: 'b',
          uniqueKeys: [['a'], ['id', 'a']],
          foreignKeys: [{ fields: 'a', reference: to('p', 'id') }],
        },
        { name: 'v', fields: ['id'] },
        { name: 's', fields: ['id'] },
        { name: 'e', fields: ['id'] },
        { name: 'fresh', fields: ['id'] },
      ),
    );
    assert.deepEqual(places, [
      't.was: the database has text, the dictionary says bigint',
      't.new: a new required field',
      't.b: the database has bigint, the dictionary says bigint not null',
      't.must: not null in the database, absent from the dictionary: no row can be added before ' +
        'alter table "public"."t" alter column "must" drop not null',
      't: the database has the primary key (id), the dictionary says (b)',
      'v: the name is taken by a view',
      's: the name is taken by a sequence',
      'e: the name is taken by a type, and a table makes a type of its name',
      't: the unique key (a): rows of the table have the same values',
      't: the foreign key (a) to p (id): rows of the table refer to rows that are not there',
    ]);
    assert.deepEqual(await factsOf(db), facts);
  });

  it('leaves comments of others alone, and comments on what has none', async (t) => {
    const { db, start } = await database(t);
    const described = (text: string) => ({
      name: 't',
      fields: [string('s', { description: text }), string('r', { description: text })],
    });
    await start({ name: 't', fields: [string('s'), string('r')] });
    await db.query(`comment on column t.s is 'by hand'`);
    await start(described(`it's \\ new`));
    await start(described('newer'));
    const rows = await db.query(
      `select col_description('t'::regclass, 1) as s, col_description('t'::regclass, 2) as r`,
    );
    assert.deepEqual(rows, [{ s: 'by hand', r: `it's \\ new` }]);
  });

  it('does not look at the locks of tables that are as they should be', async (t) => {
    const { db, session, start } = await database(t);
    const resource = { name: 't', fields: ['id', 'k'], primaryKey: 'id', uniqueKeys: [['k']] };
    await start(resource);
    const other = await session();
    await other.query('begin; lock table t in access exclusive mode');
    await start(resource, { name: 'other', fields: ['id'] });
    assert.deepEqual(await db.query('select * from other'), []);
  });

  it('adds keys and references while a reader is under way', async (t) => {
    const { db, session, start } = await database(t);
    const p = { name: 'p', fields: ['id'], primaryKey: 'id' };
    const c = { name: 'c', fields: ['id', 'k'], primaryKey: 'id' };
    await start(p, c);
    const reader = await session();
    await reader.query('begin; select from p, c');
    await start(p, { ...c, foreignKeys: [{ fields: 'k', reference: to('p', 'id') }] });
    assert.ok((await rulesOf(db)).has(ruleText('f', 'c', ['k>id'], 'p')));
  });

  it('waits for a reader where it adds a field, and keeps no other reader and no writer out meanwhile', async (t) => {
    const { db, session, start } = await database(t);
    await start({ name: 't', fields: ['id'], primaryKey: 'id' });
    const reader = await session();
    await reader.query('begin; select from t');
    const starting = start({ name: 't', fields: ['id', 'new'], primaryKey: 'id' });
    const waiting = `select from pg_stat_activity
       where datname = current_database() and application_name = 'longshore tables' and wait_event_type = 'Lock'`;
    await until(
      () => db.query(waiting),
      ({ length }) => length === 1,
    );
    await db.query('insert into t (id) values (1)');
    assert.equal((await db.query('select from t')).length, 1);
    await reader.query('commit');
    await starting;
    assert.deepEqual(await db.query('select id, new from t'), [{ id: '1', new: null }]);
  });

  it('makes them once where two processes start at the same moment', async (t) => {
    const { db, start } = await database(t);
    const resource = { name: 't', fields: ['id', 'k'], primaryKey: 'id', uniqueKeys: [['k']] };
    await Promise.all([1, 2, 3].map(() => start(resource)));
    assert.equal((await rulesOf(db)).size, 2);
  });

  it('tells which rules the database has beyond the dictionary, in the order in which they can be dropped', async (t) => {
    const { db, start } = await database(t);
    const p = { name: 'p', fields: ['id', 'k'], primaryKey: 'id' };
    const rules = { uniqueKeys: [['k']], foreignKeys: [{ fields: 'k', reference: to('', 'id') }] };
    assert.deepEqual(await start({ ...p, ...rules }), []);
    await db.query('create unique index "by hand" on p (k, id)');
    const beyond = await start(p);
    assert.deepEqual(
      beyond.map(({ table, definition }) => [table, definition]),
      [
        ['p', 'FOREIGN KEY (k) REFERENCES p(id)'],
        ['p', 'unique (k, id)'],
        ['p', 'unique (k)'],
      ],
    );
    for (const { drop } of beyond) await db.query(drop);
    assert.deepEqual(await start(p), []);
    assert.deepEqual([...(await rulesOf(db))], [ruleText('p', 'p', ['id'])]);
  });
});
