import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openDatabase } from '../../src/db/database.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import { testDatabase } from '../support/database.ts';
import { longshore } from '../support/longshore.ts';
import { testStack } from '../support/stack.ts';

const whole = (name: string, constraints = {}) => ({ name, type: 'integer', constraints });
const text = (name: string, constraints = {}) => ({ name, type: 'string', constraints });
const to = (resource: string, fields: string) => ({ resource, fields });
const KEYED = { name: 'p', schema: { fields: [whole('id')], primaryKey: 'id' } };

/** The rules that leave are those of `before`. */
const dictionaryOf = (when: 'before' | 'now') => {
  const was = when === 'before';
  return {
    name: 'loosened',
    resources: [
      KEYED,
      {
        name: 't',
        schema: {
          fields: [
            whole('id'),
            text('code', { unique: was }),
            whole('must', { required: was }),
            whole('up'),
            whole('n'),
          ],
          primaryKey: 'id',
          ...(was && { foreignKeys: [{ fields: 'up', reference: to('p', 'id') }] }),
        },
      },
      {
        name: 'keyed',
        schema: { fields: [whole('id'), text('v')], ...(was && { primaryKey: 'id' }) },
      },
      ...(was
        ? [
            {
              name: 'gone',
              schema: {
                fields: [whole('id'), whole('p')],
                primaryKey: 'id',
                foreignKeys: [{ fields: 'p', reference: to('p', 'id') }],
              },
            },
          ]
        : []),
    ],
  };
};

/** What somebody added by hand. */
const BY_HAND = `
  alter table t add constraint positive check (n > 0);
  alter table t add constraint apart exclude (n with =);
  create unique index short on t (left(code, 1)) where n > 100`;

interface Step {
  readonly id: string;
  readonly kind: string;
  readonly table: string;
  readonly rule: string;
  readonly definition: string;
  readonly former: boolean;
  readonly sql: string;
}

describe('rules that the database has and the dictionary does not', async () => {
  const { url } = await testDatabase({ after });
  await ensureTables(url, parseDictionary(dictionaryOf('before')));
  const db = await openDatabase({ url });
  after(async () => db[Symbol.asyncDispose]());
  await db.query(BY_HAND);
  const lines: string[] = [];
  const log = createLogger({ level: 'warn', process: 'test' }, { write: (line) => void lines.push(line) });
  const stack = await testStack({ after }, dictionaryOf('now'), { env: { DATABASE_URL: url }, log });
  before(async () => {
    await db.query('insert into p (id) values (1), (2); insert into gone (id, p) values (1, 2)');
    await stack.load('t', 'id,code,must,up,n\n1,a,1,1,101\n');
    await stack.load('keyed', 'id,v\n1,a\n');
  });

  const plan = async (): Promise<readonly Step[]> => {
    const { status, body } = await stack.get('/v1/dictionary/plan');
    assert.equal(status, 200, JSON.stringify(body));
    return (body as unknown as { steps: Step[] }).steps;
  };
  const stepOf = async (kind: string, table = 't') =>
    (await plan()).find((step) => step.kind === kind && step.table === table)!;
  const apply = (...ids: readonly string[]) => stack.post('/v1/dictionary/apply', { steps: ids });

  it('are named by a start, each with its statement, and are the steps of the plan', async () => {
    const steps = await plan();
    assert.deepEqual(
      steps.map(({ kind, table, former }) => [kind, table, former]),
      [
        ['reference', 't', true],
        ['reference', 'gone', true],
        ['unique', 't', true],
        ['primary-key', 'keyed', true],
        ['check', 't', false],
        ['exclusion', 't', false],
        ['index', 't', false],
        ['not-null', 't', true],
        ['not-null', 'keyed', true],
      ],
    );
    const warned = lines.map((line) => JSON.parse(line)).filter(({ constraint }) => constraint !== undefined);
    assert.deepEqual(
      warned.map(({ step, table, constraint, definition, drop }) => [
        step,
        table,
        constraint,
        definition,
        drop,
      ]),
      steps.map(({ id, table, rule, definition, sql }) => [id, table, rule, definition, sql]),
    );
  });

  for (const [kind, row, mode] of [
    ['unique', '2,a,1,1,2', 'merge'],
    ['reference', '2,b,1,9,2', 'append'],
    ['not-null', '2,b,,1,2', 'append'],
    ['check', '2,b,1,1,-1', 'merge'],
    ['exclusion', '2,b,1,1,101', 'append'],
    ['index', '2,ab,1,1,102', 'merge'],
  ] as const) {
    it(`reject the rows that break them, by name, in loads and in batches alike: ${kind}`, async () => {
      const { rule } = await stepOf(kind);
      const held = await stack.rows('t');
      const good = '3,c,1,1,3';
      const loaded = await stack.load('t', `id,code,must,up,n\n${row}\n${good}\n`, { mode, force: 'true' });
      assert.deepEqual([loaded.body.status, loaded.body.rows?.rejected], ['done', 1], JSON.stringify(loaded));
      const [reject] = await stack.rejects(loaded.body.id);
      assert.deepEqual(reject?.cells, row.split(','));
      assert.ok(reject?.errors[0]?.message.includes(rule), reject?.errors[0]?.message);
      await db.query('delete from t where id > 1');

      const objects = [row, good].map((cells) => {
        const [id, code, must, up, n] = cells.split(',');
        return {
          id: Number(id),
          code,
          must: must === '' ? null : Number(must),
          up: Number(up),
          n: Number(n),
        };
      });
      const { status, body } = await stack.post(`/v1/tables/t/rows?mode=${mode}`, objects);
      assert.equal(status, 200, JSON.stringify(body));
      const { rejected } = body as unknown as {
        rejected: { index: number; errors: { message: string }[] }[];
      };
      assert.deepEqual(
        rejected.map(({ index }) => index),
        [0],
      );
      // PostgreSQL 18 names NOT NULL; where it is found by a row alone, the column is named.
      assert.match(
        rejected[0]!.errors[0]!.message,
        new RegExp(kind === 'not-null' ? `${rule}|column must` : rule),
      );
      await db.query('delete from t where id > 1');
      assert.deepEqual(await stack.rows('t'), held);
    });
  }

  it('are dropped one by one by steps of the plan, by a key that may, and then let rows in', async () => {
    const step = await stepOf('unique');
    const { body: key } = (await stack.post('/v1/keys', {
      name: 'w',
      scopes: ['read', 'write'],
    })) as unknown as {
      body: { key: string };
    };
    const refused = await stack.post('/v1/dictionary/apply', { steps: [step.id] }, { 'x-api-key': key.key });
    assert.deepEqual([refused.status, refused.body.code], [403, 'forbidden']);
    const { status, body } = await apply(step.id);
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual((body as unknown as { steps: Step[] }).steps, [step]);
    assert.equal(await stepOf('unique'), undefined);
    const loaded = await stack.load('t', 'id,code,must,up,n\n2,a,1,1,2\n', { force: 'true' });
    assert.deepEqual([loaded.body.status, loaded.body.rows?.rejected], ['done', 0], JSON.stringify(loaded));
    const again = await apply(step.id);
    assert.deepEqual([again.status, again.body.code], [409, 'plan-changed']);
  });

  it('stay when one of the steps is no more, when it has changed, and when something depends on the rule', async () => {
    const [check, reference] = [await stepOf('check'), await stepOf('reference')];
    await db.query(
      'alter table t drop constraint positive; alter table t add constraint positive check (n > -5)',
    );
    const changed = await apply(reference.id, check.id);
    assert.deepEqual([changed.status, changed.body.code], [409, 'plan-changed']);
    assert.match(changed.body.detail ?? '', new RegExp(check.id));
    assert.equal((await stepOf('reference')).id, reference.id);

    await db.query('create table mine (k bigint references keyed (id))');
    const needed = await stepOf('primary-key', 'keyed');
    const depended = await apply(needed.id);
    assert.deepEqual(
      [depended.status, depended.body.code],
      [409, 'database-refused'],
      JSON.stringify(depended),
    );
    assert.match(depended.body.detail ?? '', /other objects depend on it/);
    await db.query('drop table mine');
  });

  it('are said to be busy when somebody holds the table for long', async () => {
    const { id } = await stepOf('check');
    const other = await db.connect();
    await other.query('begin; lock table t in access share mode');
    const { status, body } = await apply(id);
    assert.deepEqual([status, body.code], [503, 'database-busy']);
    await other.query('rollback');
    await other.end();
  });

  it('are shown and dropped by the client: all that an earlier dictionary had, and none made by hand', async () => {
    const client = (...args: string[]) =>
      longshore(['dictionary', ...args], {
        cwd: stack.home,
        env: { LONGSHORE_URL: stack.url, LONGSHORE_KEY: stack.key },
      });
    const shown = await client('plan');
    assert.match(shown.stdout, /keyed_pkey\S* +primary key \(id\) +an earlier dictionary/);
    assert.match(shown.stdout, /positive +CHECK \(\(n > '?-5'?(::integer)?\)\) +hand/);
    assert.equal((await client('apply')).code, 2);
    const dropped = await client('apply', '--former');
    assert.equal(dropped.code, 0, dropped.stderr);
    assert.match(dropped.stdout, /Dropped keyed_pkey/);
    assert.deepEqual(
      (await plan()).map(({ kind }) => kind),
      ['check', 'exclusion', 'index'],
    );
    const { body } = await stack.load('t', 'id,code,must,up,n\n7,a,,9,7\n');
    assert.deepEqual([body.status, body.rows?.rejected], ['done', 0], JSON.stringify(body));
    const replaced = await stack.load('p', 'id\n1\n', { mode: 'replace' });
    assert.equal(replaced.body.status, 'done', 'the reference of the table that left is no more');
    const byHand = (await plan()).map(({ id }) => id);
    assert.equal((await client('apply', ...byHand)).code, 0);
    assert.match((await client('plan')).stdout, /^The database has no rule that the dictionary lacks/);
  });
});
