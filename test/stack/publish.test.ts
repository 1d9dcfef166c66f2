import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { LongshoreError } from '../../src/errors.ts';
import { planPublish, SWAP_RATIO } from '../../src/publish/plan-publish.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import { testStack } from '../support/stack.ts';

const field = (name: string, type = 'integer', constraints = {}) => ({ name, type, constraints });

const DICTIONARY = {
  name: 'publish',
  resources: [
    {
      name: 'people',
      description: 'Who works here',
      dialect: { header: false },
      schema: {
        fields: [
          field('id'),
          { ...field('name', 'string', { required: true }), description: 'as it is spoken' },
          field('boss'),
          field('email', 'string', { unique: true }),
        ],
        primaryKey: 'id',
        foreignKeys: [{ fields: 'boss', reference: { resource: '', fields: 'id' } }],
      },
    },
    {
      name: 'Orders & more'.replace(/[^A-Za-z]/g, '_'),
      dialect: { header: false },
      schema: {
        fields: [field('region', 'string'), field('no'), field('owner'), field('amount', 'number')],
        primaryKey: ['region', 'no'],
        foreignKeys: [{ fields: ['owner'], reference: { resource: 'people', fields: ['id'] } }],
      },
    },
    {
      name: 'lines',
      dialect: { header: false },
      schema: {
        fields: [field('region', 'string'), field('no'), field('text', 'string')],
        foreignKeys: [
          { fields: ['region', 'no'], reference: { resource: 'Orders___more', fields: ['region', 'no'] } },
        ],
      },
    },
  ],
};

describe('publishing', async () => {
  const stack = await testStack({ after }, DICTIONARY);
  const { load, rows, rejects, db } = stack;

  const constraints = (table: string) =>
    db.query<{ name: string; definition: string }>(
      `select conname as name, pg_get_constraintdef(oid) as definition from pg_constraint
        where conrelid = $1::regclass order by 1`,
      [`"${table}"`],
    );
  const publishedBy = async (id: number) =>
    (await db.query<{ way: string }>('select published_by as way from longshore.load where id = $1', [id]))[0]
      ?.way;

  it('takes references of a table to itself, whatever their order, and rejects chains that hang in the air', async () => {
    const { body } = await load('people', '2,Bo,1,\n1,Al,,\n3,Cy,2,\n5,Ed,4,\n4,Di,99,\n');
    assert.deepEqual(body.rows, { read: 5, loaded: 3, rejected: 2, unchanged: 0, discarded: 0 });
    assert.deepEqual(
      (await rejects(body.id)).map((r) => [r.line, r.errors[0]?.code, r.cells[0]]),
      [
        [4, 'foreign-key', '5'],
        [5, 'foreign-key', '4'],
      ],
    );
  });

  it('keeps names of constraints, comments and grants through a swap', async () => {
    await db.query('create role reader_of_test');
    try {
      await db.query('grant select on people to reader_of_test with grant option');
      const before = await constraints('people');
      const { body } = await load('people', '1,Al,,a@x\n2,Bo,1,b@x\n', { mode: 'replace' });
      assert.equal(await publishedBy(body.id), 'swap');
      assert.deepEqual(await constraints('people'), before);
      const [told] = await db.query(
        `select obj_description('people'::regclass) as "table", col_description('people'::regclass, 2) as "column",
                has_table_privilege('reader_of_test', 'people', 'select with grant option') as granted,
                (select count(*)::int from pg_attrdef where adrelid = 'people'::regclass) as defaults`,
      );
      assert.deepEqual(told, {
        table: 'Who works here',
        column: 'as it is spoken',
        granted: true,
        defaults: 0,
      });
    } finally {
      await db.query('drop owned by reader_of_test');
      await db.query('drop role reader_of_test');
    }
  });

  it('checks unique keys, in the file and against the table, and lets nulls be', async () => {
    const { body } = await load('people', '3,Cy,,c@x\n4,Di,,c@x\n5,Ed,,a@x\n6,Flo,,\n7,Gus,,\n');
    assert.deepEqual(body.rows, { read: 5, loaded: 3, rejected: 2, unchanged: 0, discarded: 0 });
    assert.deepEqual(
      (await rejects(body.id)).map((r) => [r.line, r.errors[0]?.code, r.errors[0]?.field]),
      [
        [2, 'unique-error', 'email'],
        [3, 'unique-error', 'email'],
      ],
    );
  });

  it('lets a merge pass a unique value on from a row that it changes', async () => {
    const { body } = await load('people', '1,Al,,z@x\n8,Hal,,a@x\n9,Ivy,,b@x\n', { mode: 'merge' });
    assert.deepEqual(body.rows, { read: 3, loaded: 2, rejected: 1, unchanged: 0, discarded: 0 });
    assert.equal((await rejects(body.id))[0]?.errors[0]?.message, 'email b@x is in the table already');
  });

  it('keeps the first row of a key that a merge brings twice, also where the table has it already', async () => {
    const { body } = await load('people', '1,Al,,z@x\n1,Alan,,z@x\n20,Kim,,\n20,Kim,,\n', { mode: 'merge' });
    assert.deepEqual(body.rows, { read: 4, loaded: 1, rejected: 2, unchanged: 1, discarded: 0 });
    assert.deepEqual(
      (await rejects(body.id)).map((r) => [r.line, r.errors[0]?.code]),
      [
        [2, 'primary-key'],
        [4, 'primary-key'],
      ],
    );
    assert.equal((await rows('people'))[0]?.name, 'Al');
  });

  it('lets a merge exchange unique values, whatever the order of its rows, by file and by batch', async () => {
    const mail = (id: number) => `x${id}@x`;
    const file = (pairs: readonly (readonly [number, number])[]) =>
      pairs.map(([id, of]) => `${id},X${id},,${mail(of)}\n`).join('');
    const many = Array.from({ length: 60 }, (_, i) => [i + 101, i + 101] as const);
    await load('people', file(many));
    const mailOf = async (...ids: number[]) => {
      const all = await db.query<{ id: number; email: string }>('select id::int, email from people');
      return ids.map((id) => all.find((row) => row.id === id)?.email);
    };
    for (const lines of [
      [
        [101, 102],
        [102, 101],
      ],
      [
        [102, 102],
        [101, 101],
      ],
    ] as const) {
      const { body } = await load('people', file(lines), { mode: 'merge', force: 'true' });
      assert.deepEqual(body.rows, { read: 2, loaded: 2, rejected: 0, unchanged: 0, discarded: 0 });
      assert.equal(await publishedBy(body.id), 'insert');
      assert.deepEqual(
        await mailOf(...lines.map(([id]) => id)),
        lines.map(([, of]) => mail(of)),
      );
    }
    // A cycle, and a chain whose end is held by a row that stays as it is: of that nothing can go in.
    const lines = [
      [103, 104],
      [104, 105],
      [105, 103],
      [106, 107],
      [107, 108],
      [108, 109],
    ] as const;
    const { body } = await load('people', file(lines), { mode: 'merge' });
    assert.deepEqual(body.rows, { read: 6, loaded: 3, rejected: 3, unchanged: 0, discarded: 0 });
    assert.deepEqual(
      (await rejects(body.id)).map((r) => [r.line, r.errors[0]?.code, r.errors[0]?.message]),
      [
        [4, 'unique-error', 'email x107@x is in the table already'],
        [5, 'unique-error', 'email x108@x is in the table already'],
        [6, 'unique-error', 'email x109@x is in the table already'],
      ],
    );
    for (const order of [
      [110, 111],
      [111, 110],
    ] as const) {
      const of = (id: number) => mail(order[0] < order[1] ? 221 - id : id);
      const sent = order.map((id) => ({ id, name: 'by batch', boss: null, email: of(id) }));
      const { status } = await stack.post('/v1/tables/people/rows?mode=merge', sent);
      assert.equal(status, 201);
      assert.deepEqual(await mailOf(110, 111), [of(110), of(111)]);
    }
  });

  it('takes composite keys and references, and keeps every digit', async () => {
    const { body } = await load(
      'Orders___more',
      'eu,1,1,12345678901234567890.123456789\neu,2,1,0.10\neu,1,2,5\nus,1,77,5\n',
    );
    assert.deepEqual(body.rows, { read: 4, loaded: 2, rejected: 2, unchanged: 0, discarded: 0 });
    const [first] = await rows('Orders___more');
    assert.equal(first?.amount, '12345678901234567890.123456789');
    const lines = await load('lines', 'eu,1,a\neu,1,a\neu,9,b\n,1,half a reference\n');
    assert.deepEqual(lines.body.rows, { read: 4, loaded: 3, rejected: 1, unchanged: 0, discarded: 0 });
    assert.equal((await rejects(lines.body.id))[0]?.errors[0]?.field, null);
  });

  it('refuses to merge into a table without a key', async () => {
    assert.equal((await load('lines', 'eu,1,a\n', { mode: 'merge' })).body.code, 'merge-needs-key');
  });

  for (const [what, make, drop] of [
    ['a view', 'create view seen as select id, text from lines', 'drop view seen'],
    ['an index of its own', 'create index extra on lines (text)', 'drop index extra'],
    ['a column of its own', 'alter table lines add column note text', 'alter table lines drop column note'],
    [
      'a trigger',
      `create function nothing() returns trigger language plpgsql as 'begin return new; end';
       create trigger hook before insert on lines for each row execute function nothing()`,
      'drop trigger hook on lines; drop function nothing',
    ],
  ].map(([a, b, c]) => [a, (b ?? '').replace('id, text', 'no, text'), c] as const)) {
    it(`puts rows into the table as it stands where ${what} hangs on it`, async () => {
      await db.query(make);
      try {
        const before = await db.query('select $1::regclass::oid as oid', ['lines']);
        const { body } = await load('lines', `eu,1,${what}\neu,2,${what}\neu,77,none\n`, { mode: 'replace' });
        assert.deepEqual(body.rows, { read: 3, loaded: 2, rejected: 1, unchanged: 0, discarded: 0 });
        assert.equal(await publishedBy(body.id), 'insert');
        assert.deepEqual(await db.query('select $1::regclass::oid as oid', ['lines']), before);
        assert.equal((await rows('lines')).length, 2);
      } finally {
        await db.query(drop ?? '');
      }
    });
  }

  it('appends a few rows to many as the table stands, and checks their references all the same', async () => {
    const many = Array.from({ length: 2_000 }, (_, i) => `eu,${i + 100},1,1\n`).join('');
    await load('Orders___more', many);
    const { body } = await load('Orders___more', 'eu,5000,1,1\neu,5001,66,1\neu,100,1,1\n');
    assert.deepEqual(body.rows, { read: 3, loaded: 1, rejected: 2, unchanged: 0, discarded: 0 });
    assert.equal(await publishedBy(body.id), 'insert');
    const [{ n } = { n: 0 }] = await db.query<{ n: number }>(
      'select count(*)::int as n from "Orders___more"',
    );
    assert.equal(n, 2_003);
    // Triggers are on again for everyone else.
    await assert.rejects(db.query(`insert into "Orders___more" values ('eu', 9999, 66, 1)`), /foreign key/);
  });

  it('waits for readers without keeping others out, and for writers', async () => {
    const reader = await db.orm.em.fork().getConnection().begin();
    await db.orm.em.getConnection().execute('select count(*) from lines', [], 'all', reader);
    const loading = load('lines', 'eu,1,new\n', { mode: 'replace' });
    // While the swap waits for the long reader, others still read.
    for (let i = 0; i < 5; i++) assert.equal((await rows('lines')).length, 2);
    await db.orm.em.getConnection().commit(reader);
    assert.equal((await loading).body.status, 'done');
    assert.equal((await rows('lines')).length, 1);
  });

  it('makes tables once, adds what is new, and refuses what does not fit', async () => {
    const dictionary = parseDictionary(DICTIONARY);
    const shape = () =>
      db.query(
        `select attrelid::regclass::text, attname, atttypid::regtype::text, attnotnull from pg_attribute
          where attrelid in ('people'::regclass, 'lines'::regclass) and attnum > 0 order by 1, attnum`,
      );
    const before = await shape();
    await ensureTables(stack.databaseUrl, dictionary);
    assert.deepEqual(await shape(), before);

    const change = (edit: (d: typeof DICTIONARY) => void) => {
      const copy = structuredClone(DICTIONARY);
      edit(copy);
      return ensureTables(stack.databaseUrl, parseDictionary(copy));
    };
    await change((d) => d.resources[2]?.schema.fields.push(field('extra', 'date')));
    assert.equal((await shape()).length, before.length + 1);
    for (const [edit, message] of [
      [
        (d) => d.resources[2]?.schema.fields.splice(2, 1, field('text', 'integer')),
        /lines\.text: .*text.*bigint/,
      ],
      [(d) => d.resources[2]?.schema.fields.push(field('must', 'date', { required: true })), /lines\.must/],
      [
        (d) => d.resources[2]?.schema.fields.splice(2, 1, field('text', 'string', { required: true })),
        /lines\.text/,
      ],
    ] as [(d: typeof DICTIONARY) => void, RegExp][]) {
      await assert.rejects(change(edit), (error) => {
        assert.ok(error instanceof LongshoreError);
        assert.equal(error.code, 'dictionary-conflict');
        assert.match(error.message, message);
        return true;
      });
    }
  });
});

describe('planPublish', () => {
  const state = { empty: false, rows: 1_000, obstacles: [], referrers: [] };
  it('swaps where copying is quicker than inserting, and inserts where a swap would lose something', () => {
    assert.equal(planPublish({ ...state, empty: true }, 'append', 1), 'swap');
    assert.equal(planPublish(state, 'replace', 1), 'swap');
    assert.equal(planPublish(state, 'append', 1_000 / SWAP_RATIO), 'swap');
    assert.equal(planPublish(state, 'append', 1_000 / SWAP_RATIO - 1), 'insert');
    assert.equal(planPublish({ ...state, empty: true, obstacles: ['view v'] }, 'replace', 1), 'insert');
    const referrers = [{ table: 'x', name: 'y', definition: 'z', comment: null, firing: [] }];
    assert.equal(planPublish({ ...state, referrers }, 'append', 1_000), 'insert');
    assert.equal(planPublish({ ...state, referrers }, 'replace', 1_000), 'swap');
  });
});
