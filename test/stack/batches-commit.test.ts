import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, it } from 'node:test';
import type { ReceivedBatch } from '../../src/batches/batch.ts';
import { commitGroup, SETS_FROM_ROWS } from '../../src/batches/commit-group.ts';
import { failGroup } from '../../src/batches/fail-group.ts';
import { dropExpiredIdempotencyKeys, findIdempotent } from '../../src/batches/idempotent.ts';
import { listBatches, listBatchRejects, readOutcome, viewBatch } from '../../src/batches/read-batches.ts';
import { openDatabase } from '../../src/db/database.ts';
import { LongshoreError } from '../../src/errors.ts';
import { batchStack, ended, faultsOf } from '../support/batches.ts';
import { eventually } from '../support/eventually.ts';

const field = (name: string, type = 'integer', constraints = {}) => ({ name, type, constraints });

const DICTIONARY = {
  name: 'batches',
  resources: [
    {
      name: 'teams',
      schema: { fields: [field('id'), field('name', 'string')], primaryKey: 'id' },
    },
    {
      name: 'people',
      schema: {
        fields: [
          field('id'),
          field('name', 'string', { required: true }),
          field('team'),
          field('mail', 'string', { unique: true }),
        ],
        primaryKey: 'id',
        foreignKeys: [{ fields: 'team', reference: { resource: 'teams', fields: 'id' } }],
      },
    },
    {
      name: 'nodes',
      schema: {
        fields: [field('id'), field('above')],
        primaryKey: 'id',
        foreignKeys: [{ fields: 'above', reference: { resource: '', fields: 'id' } }],
      },
    },
    { name: 'notes', schema: { fields: [field('text', 'string'), field('n')] } },
  ],
};

interface Person {
  id: number;
  name: string;
  team?: number | null;
  mail?: string | null;
}

const people = (from: number, count: number, rest: Partial<Person> = {}): Person[] =>
  Array.from({ length: count }, (_, i) => ({ id: from + i, name: `n${from + i}`, ...rest }));

describe('committing groups of batches', async () => {
  const { db, url, check, commit, compiled } = await batchStack({ after }, DICTIONARY);
  const rows = (table: string) => db.query<Record<string, unknown>>(`select * from ${table} order by 1`);
  const waitingForLocks = async () =>
    (
      await db.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
    ).length;
  const clear = () => db.query('truncate teams, people, nodes, notes cascade');
  const fill = async () => {
    await clear();
    await commit('teams', [
      check('teams', [
        { id: 1, name: 'a' },
        { id: 2, name: 'b' },
      ]),
    ]);
  };

  it('inserts rows with their lineage, and records the group in the ledger', async () => {
    await fill();
    const batches = [people(1, 2), people(10, 3, { team: 2 })].map((body) => check('people', body));
    const [first, second] = (await commit('people', batches)).map(ended);
    assert.deepEqual(second!.view.rows, { sent: 3, accepted: 3, rejected: 0, discarded: 0 });
    assert.equal(first!.view.firstLine, 1);
    assert.equal(second!.view.firstLine, 3);
    assert.ok(first!.view.loadId! >= 2 ** 32);
    const kept = await rows('people');
    assert.deepEqual(
      kept.map((row) => [row.id, row.team, Number(row._load_id), Number(row._line)]),
      [
        [1, null, 1],
        [2, null, 2],
        [10, 2, 3],
        [11, 2, 4],
        [12, 2, 5],
      ].map(([id, team, line]) => [
        String(id),
        team === null ? null : String(team),
        first!.view.loadId,
        line,
      ]),
    );
    assert.deepEqual(await readOutcome(db, batches[0]!.received.id), first);
  });

  for (const size of [1, SETS_FROM_ROWS]) {
    it(`makes rejects of ${size} and more rows as a load would, and puts the others in`, async () => {
      await fill();
      await commit('people', [check('people', people(1, 1, { mail: 'taken@x' }))]);
      const good = people(100, size, { team: 1 });
      const bad = [
        { id: 1, name: 'key is taken' },
        { id: 2, name: 'no team', team: 99 },
        { id: 3, name: 'mail is taken', mail: 'taken@x' },
        { id: 4, name: 'first' },
        { id: 4, name: 'second' },
        { id: 5 },
      ];
      const [outcome] = await commit('people', [check('people', [...good, ...bad])]);
      assert.deepEqual(
        faultsOf(outcome).map(([index, ...rest]) => [index - size, ...rest]),
        [
          [0, 'primary-key', 'id'],
          [1, 'foreign-key', 'team'],
          [2, 'unique-error', 'mail'],
          [4, 'primary-key', 'id'],
          [5, 'constraint-error', 'name'],
        ],
      );
      const { view, rejects } = ended(outcome);
      assert.deepEqual(view.rows, { sent: size + 6, accepted: size + 1, rejected: 5, discarded: 0 });
      assert.equal(rejects[1]!.row, JSON.stringify(bad[1]));
      assert.equal(rejects[1]!.errors[0]!.message, 'no row of "teams" has id 99');
      assert.equal(rejects[3]!.errors[0]!.message, `id 4 is the same as in the row with index ${size + 3}`);
      assert.equal((await rows('people')).length, size + 2);
      assert.deepEqual(await readOutcome(db, view.id), outcome);
      const page = await listBatchRejects(db, view.id, { afterIndex: size + 1, limit: 2 });
      assert.deepEqual(page, { header: null, rejects: rejects.slice(2, 4), more: true });
    });
  }

  it('leaves the neighbours of a bad batch alone, and nothing of a strict one', async () => {
    await fill();
    const bodies = Array.from({ length: 64 }, (_, i) => people(i * 10, 3, { team: 1 }));
    bodies[17]![1]!.team = 77;
    bodies[40]![2]!.id = 0;
    const batches = bodies.map((body, i) => check('people', body, { strict: i === 40 }));
    const outcomes = (await commit('people', batches)).map(ended);
    const accepted = outcomes.map(({ view }) => view.rows.accepted);
    assert.deepEqual(
      accepted,
      bodies.map((_, i) => (i === 17 ? 2 : i === 40 ? 0 : 3)),
    );
    assert.deepEqual(outcomes[40]!.view.rows, { sent: 3, accepted: 0, rejected: 1, discarded: 2 });
    assert.equal(outcomes[40]!.view.loadId, null);
    assert.equal((await rows('people')).length, 64 * 3 - 4);
  });

  it('lets the first row with a key stay within a merged batch, and the last batch of a group win', async () => {
    await fill();
    await commit('people', [check('people', people(1, 2))]);
    const outcomes = await commit(
      'people',
      [
        check('people', [
          { id: 1, name: 'x' },
          { id: 3, name: 'new' },
        ]),
        check('people', [
          { id: 1, name: 'y' },
          { id: 1, name: 'z' },
        ]),
        check('people', [{ id: 3, name: 'newer' }]),
      ],
      { mode: 'merge' },
    );
    assert.deepEqual(faultsOf(outcomes[1]), [[1, 'primary-key', 'id']]);
    const all = await rows('people');
    assert.deepEqual(
      all.map((row) => [row.id, row.name]),
      [
        ['1', 'y'],
        ['2', 'n2'],
        ['3', 'newer'],
      ],
    );
    assert.equal(Number(all[0]!._line), 3);
  });

  it('lets a merge pass a unique value on from row to row, whatever their order', async () => {
    await fill();
    await commit('people', [check('people', [{ id: 5, name: 'a', mail: 'a@x' }])]);
    const body = [
      { id: 3, name: 'b', mail: 'a@x' },
      { id: 5, name: 'a', mail: 'c@x' },
    ];
    const [outcome] = await commit('people', [check('people', body.toReversed())], { mode: 'merge' });
    assert.deepEqual(faultsOf(outcome), []);
    assert.deepEqual(
      (await rows('people')).map((row) => row.mail),
      ['a@x', 'c@x'],
    );
  });

  it('takes references of a table to itself, in any order', async () => {
    await fill();
    const body = [{ id: 2, above: 1 }, { id: 1 }, { id: 4, above: 9 }, { id: 5, above: 4 }];
    const [outcome] = await commit('nodes', [check('nodes', body)]);
    assert.deepEqual(faultsOf(outcome), [
      [2, 'foreign-key', 'above'],
      [3, 'foreign-key', 'above'],
    ]);
    assert.equal((await rows('nodes')).length, 2);
  });

  it('fires the triggers of users, and takes their refusal for that of a row', async () => {
    await fill();
    await db.query(`
      create function no_13() returns trigger language plpgsql as $$ begin
        if new.n = 13 then raise exception 'not %', new.text; end if;
        new.text := upper(new.text); return new; end $$`);
    await db.query('create trigger no_13 before insert on notes for each row execute function no_13()');
    try {
      const body = Array.from({ length: 60 }, (_, n) => ({ text: `secret ${n}`, n }));
      const [outcome, other] = await commit('notes', [check('notes', body), check('notes', [{ text: 'x' }])]);
      assert.deepEqual(faultsOf(outcome), [[13, 'constraint-error', null]]);
      assert.doesNotMatch(ended(outcome).rejects[0]!.errors[0]!.message, /secret/);
      assert.equal(ended(other).view.rows.accepted, 1);
      assert.equal((await rows('notes')).filter((row) => String(row.text).startsWith('SECRET')).length, 59);
    } finally {
      await db.query('drop trigger no_13 on notes; drop function no_13()');
    }
  });

  it('fires them also where there are references enough to be looked up at once', async () => {
    await fill();
    await db.query(`
      create function shout() returns trigger language plpgsql as $$ begin
        new.name := upper(new.name); return new; end $$`);
    await db.query('create trigger shout before insert on people for each row execute function shout()');
    try {
      await commit('people', [check('people', people(1, 200, { team: 1 }))]);
      assert.ok((await rows('people')).every((row) => row.name === `N${row.id}`));
    } finally {
      await db.query('drop trigger shout on people; drop function shout()');
    }
  });

  it('leaves triggers on for everyone else', async () => {
    await fill();
    await commit('people', [check('people', people(1, 200, { team: 1 }))]);
    await assert.rejects(
      db.query(`insert into people (id, name, team) values (9999, 'x', 99)`),
      /foreign key/,
    );
  });

  it('keeps a row that is referred to from being deleted meanwhile', async () => {
    await fill();
    const body = people(1, 200, { team: 1 });
    const other = await db.connect();
    try {
      await other.query('begin');
      await other.query('delete from teams where id = 1');
      const committing = commit('people', [check('people', body)]);
      await eventually(waitingForLocks, 1);
      await other.query('commit');
      const [outcome] = await committing;
      assert.equal(ended(outcome).view.rows.rejected, 200);
      assert.equal((await rows('people')).length, 0);
    } finally {
      await other.end();
    }
  });

  it('puts rows into the new table when a load swaps it in between', async () => {
    await fill();
    for (const size of [1, 200]) {
      const other = await db.connect();
      try {
        await other.query('begin');
        await other.query('lock table people in share row exclusive mode');
        await other.query('create table people_new (like people including all)');
        await other.query('alter table people rename to people_old');
        await other.query('alter table people_new rename to people');
        const committing = commit('people', [check('people', people(size * 1000, size, { team: 1 }))]);
        await eventually(waitingForLocks, 1);
        await other.query('commit');
        assert.equal(ended((await committing)[0]).view.rows.accepted, size);
        assert.equal((await rows('people')).length, size);
        await other.query('drop table people');
        await other.query('alter table people_old rename to people');
      } finally {
        await other.end();
      }
    }
  });

  it('writes a group once, however often it is committed, also at the same time', async () => {
    await fill();
    const batches = [
      check('people', people(1, 2)),
      check('people', [...people(1, 1), ...people(5, 1)]),
      check('people', 'id,name,team,mail\n7,x,,\n8,,,\n', { format: 'csv' }),
    ];
    const group = randomUUID();
    const all = await Promise.all([1, 2, 3].map(() => commit('people', batches, { group })));
    all.push(await commit('people', batches, { group }));
    for (const outcomes of all) assert.deepEqual(outcomes, all[0]);
    assert.equal((await rows('people')).length, 4);
    assert.deepEqual(faultsOf(all[0]![2]), [[1, 'constraint-error', 'name']]);
    assert.equal(ended(all[0]![2]).rejects[0]!.row, '["8","","",""]');
  });

  it('never commits a group that was recorded as failed, and never fails one that is committed', async () => {
    await fill();
    const batch = check('people', people(1, 2));
    const { id, strict, sentBy, receivedAt } = batch.received;
    const group = randomUUID();
    const failed = {
      workflowId: `batches-${group}`,
      runId: null,
      table: 'people',
      mode: 'append' as const,
      batches: [
        { id, strict, sentBy, receivedAt, sent: 2 },
        { id: `${group}-lost`, strict, sentBy: null, receivedAt: null, sent: null },
      ],
      error: { code: 'batch-lost' as const, message: 'gone' },
    };
    assert.equal(await failGroup(db, failed), true);
    assert.equal(await failGroup(db, failed), false);
    const [outcome] = await commit('people', [batch], { group });
    assert.equal(ended(outcome).view.error?.code, 'batch-lost');
    assert.deepEqual(ended(outcome).view.rows, { sent: 2, accepted: 0, rejected: 0, discarded: 2 });
    assert.equal((await viewBatch(db, `${group}-lost`))?.rows.sent, null);
    assert.equal((await rows('people')).length, 0);

    const other = randomUUID();
    await commit('people', [check('people', people(1, 1))], { group: other });
    assert.equal(await failGroup(db, { ...failed, workflowId: `batches-${other}` }), false);
  });

  describe('batches with Idempotency-Keys', () => {
    const keyed = (key: string, fingerprint = 'aa'.repeat(32)): Pick<ReceivedBatch, 'idempotency'> => ({
      idempotency: { key, fingerprint, days: 1 },
    });

    it('answers a repeated request from the ledger, and refuses another one', async () => {
      await fill();
      const body = [...people(1, 2), { id: 1, name: 'twice' }];
      const [first] = await commit('people', [check('people', body, keyed('a'))]);
      assert.equal(ended(first).replayed, false);
      const outcomes = await commit('people', [
        check('people', people(10, 1), keyed('new')),
        check('people', body, keyed('a')),
        check('people', people(20, 1), keyed('a', 'bb'.repeat(32))),
        check('people', people(30, 1), { ...keyed('a'), sentBy: 'someone else' }),
      ]);
      assert.deepEqual(outcomes[1], { ...ended(first), replayed: true });
      assert.deepEqual(outcomes[2], { refused: 'idempotency-key-reused' });
      assert.deepEqual(
        (await rows('people')).map((row) => row.id),
        ['1', '2', '10', '30'],
      );
      const found = await findIdempotent(db, 'tester', 'a');
      assert.deepEqual(found, { fingerprint: 'aa'.repeat(32), outcome: first });
      assert.equal(await findIdempotent(db, 'nobody', 'a'), null);
    });

    it('writes a request once that is twice in one group', async () => {
      await fill();
      const group = randomUUID();
      const batches = [
        check('people', people(1, 1), keyed('twice')),
        check('people', people(1, 1), keyed('twice')),
        check('people', people(2, 1), keyed('twice', 'bb'.repeat(32))),
      ];
      const outcomes = await commit('people', batches, { group });
      assert.deepEqual(outcomes[1], { ...ended(outcomes[0]), replayed: true });
      assert.deepEqual(outcomes[2], { refused: 'idempotency-key-reused' });
      assert.equal((await rows('people')).length, 1);
      // The group again: what it repeated is still known.
      assert.deepEqual((await commit('people', batches, { group })).slice(1), outcomes.slice(1));
    });

    it('writes a request once that several groups bring at the same time, and their other batches too', async () => {
      await fill();
      const groups = Array.from({ length: 8 }, (_, i) => [
        check('people', people(100 + i, 1)),
        check('people', people(1, 1), keyed('race')),
        check('people', people(200 + i, 1), keyed(`own ${i}`)),
      ]);
      const all = await Promise.all(groups.map((batches) => commit('people', batches)));
      const raced = all.map((outcomes) => ended(outcomes[1]));
      assert.equal(raced.filter(({ replayed }) => !replayed).length, 1);
      assert.equal(new Set(raced.map(({ view }) => view.id)).size, 1);
      assert.equal((await rows('people')).length, 17);
    });

    it('forgets a key when its days are over', async () => {
      await fill();
      await commit('people', [check('people', people(1, 1), keyed('old'))]);
      const expire = () =>
        db.query(`update longshore.idempotency_key set expires_at = now() where key = 'old'`);
      await expire();
      assert.equal(await findIdempotent(db, 'tester', 'old'), null);
      const [again] = await commit('people', [check('people', people(2, 1), keyed('old', 'cc'.repeat(32)))]);
      assert.equal(ended(again).replayed, false);
      await expire();
      assert.equal(await dropExpiredIdempotencyKeys(db), 1);
      assert.equal(await dropExpiredIdempotencyKeys(db), 0);
    });
  });

  it('takes groups that fight for the same keys, from several connections', async () => {
    await fill();
    const ids = [1, 2, 3, 4, 5, 6, 7, 8];
    const bodies = Array.from({ length: 12 }, (_, i) =>
      ids
        .map((_, at) => ids[(at * (i % 2 ? 3 : 5) + i) % 8]!)
        .map((id) => ({ id, name: `by ${i}`, team: 1 + (i % 2) })),
    );
    const appended = await Promise.all(bodies.map((body) => commit('people', [check('people', body)])));
    const sum = appended.reduce((all, [outcome]) => all + ended(outcome).view.rows.accepted, 0);
    assert.equal(sum, 8);
    assert.equal((await rows('people')).length, 8);
    const merged = await Promise.all(
      bodies.map((body) => commit('people', [check('people', body)], { mode: 'merge' })),
    );
    assert.ok(merged.every(([outcome]) => ended(outcome).view.rows.accepted === 8));
  });

  it('works for a role that may not silence triggers', async () => {
    await fill();
    await db.query(`create role plain login password 'plain'`);
    await db.query('grant usage on schema longshore to plain');
    await db.query('grant select, insert, update, delete on all tables in schema longshore, public to plain');
    await db.query('grant usage on all sequences in schema longshore to plain');
    await db.query('grant temp on database :db to plain'.replace(':db', new URL(url).pathname.slice(1)));
    const plainUrl = new URL(url);
    plainUrl.username = 'plain';
    plainUrl.password = 'plain';
    const plain = await openDatabase({ url: plainUrl.href });
    try {
      const { table } = compiled('people');
      const body = [...people(1, 100, { team: 1 }), { id: 500, name: 'x', team: 50 }];
      const group = { group: 'p', workflowId: 'batches-p', runId: 'r', table, mode: 'append' as const };
      const [outcome] = await commitGroup(plain, group, [check('people', body)]);
      assert.deepEqual(faultsOf(outcome), [[100, 'foreign-key', 'team']]);
      assert.equal((await rows('people')).length, 100);
    } finally {
      await plain[Symbol.asyncDispose]();
      await db.query('drop owned by plain');
      await db.query('drop role plain');
    }
  });

  it('lists batches newest first, page by page, and knows what it does not know', async () => {
    await fill();
    const outcomes = await commit(
      'notes',
      [1, 2, 3].map((n) => check('notes', [{ text: 'x', n }])),
    );
    const views = outcomes.map((outcome) => ended(outcome).view).reverse();
    const loadId = views[0]!.loadId!;
    assert.deepEqual(await listBatches(db, { loadId, limit: 10 }), views);
    assert.deepEqual(await listBatches(db, { tables: ['notes'], loadId, before: views[0]!.id, limit: 1 }), [
      views[1],
    ]);
    assert.deepEqual(await listBatches(db, { tables: ['people'], loadId, limit: 10 }), []);
    assert.equal(await viewBatch(db, 'none'), null);
    await assert.rejects(
      listBatchRejects(db, 'none', { afterIndex: -1, limit: 1 }),
      (error) => error instanceof LongshoreError && error.code === 'unknown-batch',
    );
    assert.deepEqual(await listBatchRejects(db, views[0]!.id, { afterIndex: -1, limit: 1 }), {
      header: null,
      rejects: [],
      more: false,
    });
  });
});
