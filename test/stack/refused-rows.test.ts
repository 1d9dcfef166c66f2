import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { testStack } from '../support/stack.ts';

const DICTIONARY = {
  name: 'refused',
  resources: [
    {
      name: 'item',
      dialect: { header: false },
      schema: {
        fields: [
          { name: 'id', type: 'integer' },
          { name: 'n', type: 'integer' },
          { name: 'note', type: 'string' },
          { name: 'up', type: 'integer' },
        ],
        primaryKey: 'id',
        foreignKeys: [{ fields: 'up', reference: { resource: '', fields: 'id' } }],
      },
    },
    {
      name: 'wide',
      dialect: { header: false },
      schema: { fields: Array.from({ length: 1_400 }, (_, i) => ({ name: `f${i}`, type: 'string' })) },
    },
  ],
};

const RAISE = (condition: string) =>
  `create function refuse() returns trigger language plpgsql as $$ begin
     if ${condition} then raise exception 'the secret is %', new.note; end if; return new; end $$;
   create trigger refuse before insert on item for each row execute function refuse()`;

/** Line 3 of five is at fault; the message of its reject names what refused it. */
const REFUSALS: readonly {
  readonly by: string;
  readonly make: string;
  readonly row: string;
  readonly code?: string;
  readonly field?: string | null;
  readonly modes?: readonly string[];
  readonly named: RegExp;
}[] = [
  {
    by: 'a check',
    make: 'alter table item add constraint positive check (n > 0)',
    row: '3,-1,,',
    field: 'n',
    named: /CHECK \(\(n > 0\)\) \(constraint positive\)/,
  },
  {
    by: 'a check over several columns that is not valid',
    make: `alter table item add constraint paired check (n > 0 or note = 'ok') not valid`,
    row: '3,-1,bad,',
    field: null,
    named: /constraint paired/,
  },
  {
    by: 'a check that fails on a row',
    make: 'alter table item add constraint quotient check (100 / n > 0)',
    row: '3,0,,',
    named: /division by zero/,
  },
  {
    by: 'a column that takes no null',
    make: 'alter table item alter column n set not null',
    row: '3,,,',
    field: 'n',
    named: /NOT NULL/,
  },
  {
    by: 'a unique constraint',
    make: 'alter table item add constraint noted unique (note)',
    row: '3,3,note 1,',
    code: 'unique-error',
    field: 'note',
    named: /note note 1 is the same as on line 1 \(index noted\)/,
  },
  {
    by: 'a unique index on an expression and a part of the rows',
    make: 'create unique index noted on item (lower(note)) where n > 0',
    row: '3,3,NOTE 1,',
    code: 'unique-error',
    named: /line 1 \(index noted\)/,
  },
  {
    by: 'a unique constraint that also nulls have to obey',
    make: 'alter table item add constraint noted unique nulls not distinct (note); insert into item values (77, 7, null)',
    row: '3,3,,',
    modes: ['append', 'merge'],
    code: 'unique-error',
    named: /index noted/,
  },
  {
    by: 'a deferred unique constraint',
    make: 'alter table item add constraint noted unique (note) deferrable initially deferred',
    row: '3,3,note 1,',
    code: 'unique-error',
    named: /index noted/,
  },
  {
    by: 'a reference to a table that is not of the dictionary',
    make: `create table colour (n bigint primary key); insert into colour select generate_series(1, 2) union select generate_series(4, 9);
           alter table item add constraint coloured foreign key (n) references colour`,
    row: '3,3,,',
    code: 'foreign-key',
    field: 'n',
    named: /no row of colour has n 3 \(constraint coloured\)/,
  },
  {
    by: 'an exclusion constraint',
    make: 'alter table item add constraint apart exclude using gist (int8range(n, n + 1) with &&)',
    row: '3,1,,',
    named: /constraint apart of item/,
  },
  {
    by: 'a domain',
    make: `create domain small as bigint constraint is_small check (value < 1000);
           drop view if exists longshore_read.item; alter table item alter column n type small`,
    row: '3,1000,,',
    named: /constraint is_small/,
  },
  {
    by: 'a narrower column',
    make: 'drop view if exists longshore_read.item; alter table item alter column n type smallint',
    row: '3,40000,,',
    named: /out of range/,
  },
  {
    by: 'a shorter column',
    make: 'drop view if exists longshore_read.item; alter table item alter column note type varchar(8)',
    row: '3,3,much too long,',
    named: /too long/,
  },
  {
    by: 'a generated column that fails',
    make: 'alter table item add column part bigint generated always as (100 / n) stored',
    row: '3,0,,',
    named: /division by zero/,
  },
  {
    by: 'an index that its entry is too large for',
    make: 'create index noted on item (note)',
    row: `3,3,${randomBytes(2500).toString('base64')},`,
    named: /index row size .*"noted"/,
  },
  {
    by: 'a trigger',
    make: RAISE('new.n = 3'),
    row: '3,3,a secret,',
    named:
      /^PostgreSQL: the secret is …, in the function refuse, trigger refuse on table item \(SQLSTATE P0001\)$/,
  },
  {
    by: 'a trigger with an SQLSTATE of its own, in a function that it calls',
    make: `create function refuse_three(n bigint) returns void language plpgsql as $$ begin
             if n = 3 then raise 'never 3' using errcode = 'ZZ123'; end if; end $$;
           create function refuse() returns trigger language plpgsql as $$ begin
             perform refuse_three(new.n); return new; end $$;
           create trigger refuse before insert on item for each row execute function refuse()`,
    row: '3,3,,',
    named:
      /^PostgreSQL: never 3, in the function refuse_three, trigger refuse on table item \(SQLSTATE ZZ123\)$/,
  },
  {
    by: 'a trigger that raises a lack of rights',
    make: `create function refuse() returns trigger language plpgsql as $$ begin
             if new.n = 3 then raise insufficient_privilege using message = 'not ' || new.n; end if; return new; end $$;
           create trigger refuse before insert on item for each row execute function refuse()`,
    row: '3,3,,',
    named: /trigger refuse on table item \(SQLSTATE 42501\)$/,
  },
  {
    by: "a check's function",
    make: `create function refuse(n bigint) returns boolean language plpgsql immutable as $$ begin
             if n = 3 then raise exception 'it is % now', n; end if; return true; end $$;
           alter table item add constraint fine check (refuse(n))`,
    row: '3,3,,',
    named: /it is … now, in the function refuse, constraint fine on table item/,
  },
  {
    by: 'a trigger at the end of the transaction',
    make: `create function refuse() returns trigger language plpgsql as $$ begin
             if new.n = 3 then raise exception 'no'; end if; return null; end $$;
           create constraint trigger refuse after insert on item deferrable initially deferred
             for each row execute function refuse()`,
    row: '3,3,,',
    named: /function refuse/,
  },
];

describe('rows that PostgreSQL refuses', async () => {
  const { load, post, rejects, rows, db } = await testStack({ after }, DICTIONARY);
  const table = async () => {
    const [made] = await db.query<{ ddl: string }>(
      `select string_agg(format('alter table item add constraint %I %s', conname, pg_get_constraintdef(oid)), ';' order by contype desc) as ddl
         from pg_constraint where conrelid = 'item'::regclass and contype in ('p', 'f')`,
    );
    return made!.ddl;
  };
  const ddl = await table();
  const fresh = async () => {
    await db.query(`drop table if exists item cascade; drop domain if exists small; drop table if exists colour;
      drop routine if exists refuse(), refuse(bigint), refuse_three(bigint) cascade;
      create table item (id bigint not null, n bigint, note text, up bigint, _load_id bigint, _line bigint); ${ddl}`);
  };
  const line = (id: number) => `${id},${id},note ${id},`;

  for (const { by, make, row, code = 'constraint-error', field, named, modes } of REFUSALS) {
    it(`are rejects when ${by} refuses them, and the others go in`, async () => {
      for (const mode of modes ?? ['append', 'replace', 'merge']) {
        await fresh();
        await db.query(make);
        const before = (await rows('item')).length;
        // Line 5 refers to line 6, which only a look at all rows at once finds right.
        const csv = [line(1), line(2), row, line(4), '5,5,note 5,6', line(6)].join('\n');
        const { body } = await load('item', `${csv}\n`, { mode, force: 'true' });
        assert.equal(body.status, 'done', JSON.stringify(body.error));
        assert.deepEqual(body.rows, { read: 6, loaded: 5, rejected: 1, unchanged: 0, discarded: 0 }, mode);
        assert.equal((await rows('item')).length, mode === 'replace' ? 5 : before + 5);
        const [reject, ...more] = await rejects(body.id);
        assert.deepEqual(more, []);
        assert.deepEqual([reject?.line, reject?.cells[0], reject?.errors[0]?.code], [3, '3', code]);
        if (field !== undefined) assert.equal(reject?.errors[0]?.field, field);
        assert.match(reject?.errors[0]?.message ?? '', named);
      }
    });
  }

  it('are found among thousands, many of them, and in time', async () => {
    await fresh();
    await db.query(RAISE('new.n % 50 = 3'));
    const csv = Array.from({ length: 5_000 }, (_, i) => line(i + 1)).join('\n');
    const { body } = await load('item', csv);
    assert.deepEqual(body.rows, { read: 5_000, loaded: 4_900, rejected: 100, unchanged: 0, discarded: 0 });
    const lines = (await rejects(body.id)).map((reject) => reject.line);
    assert.deepEqual(
      lines,
      Array.from({ length: 100 }, (_, i) => 50 * i + 3),
    );
    const [{ found } = { found: 1 }] = await db.query<{ found: number }>(
      `select count(*)::int as found from longshore.reject where load_id = $1 and errors::text ~ 'note \\d'`,
      [body.id],
    );
    assert.equal(found, 0);
  });

  it('are rejects when they do not fit on a page of PostgreSQL', async () => {
    const wide = (filled: number) =>
      Array.from({ length: 1_400 }, (_, i) => (i < filled ? 'x'.repeat(12) : '')).join(',');
    const csv = [wide(600), wide(700), '\n', wide(3), wide(701), wide(500)].join('\n');
    const { body } = await load('wide', csv);
    assert.deepEqual(body.rows, { read: 7, loaded: 3, rejected: 4, unchanged: 0, discarded: 0 });
    const found = await rejects(body.id);
    assert.deepEqual(
      found.map(({ line, cells, errors }) => [line, cells.length, errors[0]?.code]),
      [
        [2, 1_400, 'constraint-error'],
        [3, 1, 'blank-row'],
        [4, 1, 'blank-row'],
        [6, 1_400, 'constraint-error'],
      ],
    );
    assert.match(found[0]?.errors[0]?.message ?? '', /row is too big: size \d+, maximum size 8160/);
  });

  for (const [by, make, named, mode] of [
    ['a trigger that is broken', RAISE('missing()'), /function missing\(\) does not exist.*refuse/, 'append'],
    [
      'a trigger on truncate',
      `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'never'; end $$;
       create trigger refuse before truncate on item execute function refuse()`,
      /never, in the function refuse, trigger refuse on table item/,
      'replace',
    ],
    [
      'a trigger that makes a statement of what a row holds',
      `create function refuse() returns trigger language plpgsql as $$ begin
         execute format('insert into %I select from nowhere', 'secret ' || new.id); return new; end $$;
       create trigger refuse before insert on item for each row execute function refuse()`,
      /relation "…" does not exist, in the function refuse, trigger refuse on table item \(SQLSTATE 42P01\)/,
      'append',
    ],
    [
      'a trigger that writes to a table that is gone',
      `create function refuse() returns trigger language plpgsql as $$ begin
         insert into audited values (new.note); return new; end $$;
       create trigger refuse after insert on item for each row execute function refuse()`,
      /relation "audited" does not exist, in the function refuse, trigger refuse on table item/,
      'merge',
    ],
    [
      'a rule that a merge does not fit',
      'create rule refuse as on insert to item do also delete from item where id = -1',
      /ON CONFLICT clause cannot be used with table that has/,
      'merge',
    ],
    [
      'a column that PostgreSQL generates',
      'drop view longshore_read.item; alter table item drop column n, add column n bigint generated always as (id) stored',
      /column "n"/,
      'append',
    ],
    [
      'a column that is gone',
      'drop view longshore_read.item; alter table item drop column n',
      /column "n"/,
      'append',
    ],
  ] as const) {
    it(`are reported at once, by name, where no row is at fault: ${by}`, async () => {
      await fresh();
      await db.query(`create or replace view longshore_read.item as select * from item`);
      await db.query(make);
      const { body } = await load('item', `${line(1)}\n${line(2)}\n`, { mode, force: 'true' });
      assert.equal(body.code, 'database-refused', JSON.stringify(body));
      assert.match(body.detail ?? '', named);
      assert.doesNotMatch(JSON.stringify(body), /secret|note \d/);
      assert.equal((await rows('item')).length, 0);
    });
  }

  it('are rejects of a batch with the same words and codes', async () => {
    for (const { by, make, row, code = 'constraint-error', named } of REFUSALS) {
      await fresh();
      await db.query(make);
      const body = [line(1), line(2), row, line(4), '5,5,note 5,6', line(6)].map((text) => {
        const [id, n, note, up] = text.split(',');
        return {
          id: Number(id),
          n: n === '' ? null : Number(n),
          note: note || null,
          up: up ? Number(up) : null,
        };
      });
      const had = (await rows('item')).length;
      const answer = await post('/v1/tables/item/rows', body);
      const batch = answer.body as unknown as {
        rows: object;
        rejected: { index: number; errors: { code: string; message: string }[] }[];
      };
      assert.deepEqual(
        batch.rows,
        { sent: 6, accepted: 5, rejected: 1, discarded: 0 },
        `${by} ${JSON.stringify(batch)}`,
      );
      assert.deepEqual([batch.rejected[0]?.index, batch.rejected[0]?.errors[0]?.code], [2, code], by);
      assert.match(batch.rejected[0]?.errors[0]?.message ?? '', batchWords(named));
      assert.equal((await rows('item')).length, had + 5);
    }
  });

  it('are rejects of a batch when they do not fit on a page', async () => {
    const wide = (filled: number) =>
      Object.fromEntries(Array.from({ length: filled }, (_, i) => [`f${i}`, 'x'.repeat(12)]));
    const answer = await post('/v1/tables/wide/rows', [wide(600), wide(700), wide(1)]);
    const batch = answer.body as unknown as { rows: object; rejected: { errors: { message: string }[] }[] };
    assert.deepEqual(batch.rows, { sent: 3, accepted: 2, rejected: 1, discarded: 0 });
    assert.match(batch.rejected[0]?.errors[0]?.message ?? '', /row is too big/);
  });

  it('are no rejects but counted as discarded where a trigger or a rule leaves them out', async () => {
    const skip = `create function refuse() returns trigger language plpgsql as $$ begin
        if new.n % 2 = 0 then return null; end if; return new; end $$;
      create trigger refuse before insert on item for each row execute function refuse()`;
    for (const [make, loaded] of [
      [skip, 2],
      ['create rule refuse as on insert to item where new.n % 2 = 0 do instead nothing', 2],
      ['create rule refuse as on insert to item do instead nothing', 0],
    ] as const) {
      for (const mode of ['append', 'replace']) {
        await fresh();
        await db.query(make);
        const { body } = await load('item', `${line(1)}\n${line(2)}\n${line(3)}\n`, { mode, force: 'true' });
        assert.deepEqual(
          body.rows,
          { read: 3, loaded, rejected: 0, unchanged: 0, discarded: 3 - loaded },
          `${make} ${mode}`,
        );
        assert.equal((await rows('item')).length, loaded);
      }
    }

    await fresh();
    await load('item', `${line(1)}\n${line(2)}\n${line(3)}\n`, { force: 'true' });
    const { body: backup } = await post('/v1/backups', { tables: ['item'] }, { prefer: 'wait=50' });
    await db.query(skip);
    for (const mode of ['append', 'merge']) {
      const from = mode === 'append' ? 10 : 20;
      const body = [
        { id: from, n: 1 },
        { id: from + 1, n: 2 },
        { id: from + 2, n: 3 },
      ];
      const { body: batch, status } = await post(`/v1/tables/item/rows?mode=${mode}`, body);
      assert.equal(status, 200);
      assert.deepEqual(batch.rows, { sent: 3, accepted: 2, rejected: 0, discarded: 1 });
      const { body: known } = (await post(`/v1/tables/item/rows?mode=${mode}`, [
        { id: 99, n: 2 },
      ])) as unknown as {
        body: { code: string; detail: string };
      };
      assert.equal(known.code, 'batch-rejected');
      assert.match(known.detail, /kept out by a trigger/);
    }
    const held = await rows('item');
    assert.deepEqual(
      held.map(({ id }) => Number(id)),
      [1, 2, 3, 10, 12, 20, 22],
    );
    const answer = await post(`/v1/backups/${backup.id}/restore`, { safety: false }, { prefer: 'wait=50' });
    assert.equal(answer.body.code, 'database-refused');
    assert.match(answer.body.detail ?? '', /item took 2 of 3 rows/);
    assert.deepEqual(await rows('item'), held);

    for (const [raise, named] of [
      ['new.n = 2', /the secret is …, in the function refuse, trigger refuse on table item/],
      [
        'missing()',
        /function missing\(\) does not exist, in the function refuse, trigger refuse on table item/,
      ],
    ] as const) {
      await db.query('drop routine refuse() cascade');
      await db.query(RAISE(raise));
      const refused = await post(
        `/v1/backups/${backup.id}/restore`,
        { safety: false },
        { prefer: 'wait=50' },
      );
      assert.match(refused.body.detail ?? '', named, JSON.stringify(refused.body));
      assert.doesNotMatch(JSON.stringify(refused.body), /note \d/);
      assert.deepEqual(await rows('item'), held);
    }
  });
});

/** A batch counts its rows from 0, a file its lines from 1. */
function batchWords(named: RegExp): RegExp {
  return new RegExp(
    named.source.replace('on line 1', 'in the row with index 0').replace('line 1', 'index 0'),
  );
}
