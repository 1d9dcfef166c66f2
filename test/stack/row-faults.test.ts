import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openDatabase } from '../../src/db/database.ts';
import { isRowFault, sqlstateOf } from '../../src/db/sqlstate.ts';
import { LongshoreError } from '../../src/errors.ts';
import { testDatabase } from '../support/database.ts';

describe('an error of PostgreSQL', async () => {
  const { url } = await testDatabase({ after });
  const db = await openDatabase({ url });
  after(() => db[Symbol.asyncDispose]());
  await db.query(`
    create table ruled (
      id int primary key, n int not null, zone text check (now() at time zone zone > '-infinity'),
      share int check (100 / share > 0), up int unique references ruled, made smallint generated always as (n) stored)`);
  await db.query('create sequence short maxvalue 2 start 2');
  await db.query(`select nextval('short')`);

  const refusal = async (sql: string) => {
    try {
      await db.query(sql);
    } catch (error) {
      return error;
    }
    assert.fail(`PostgreSQL took ${sql}`);
  };

  const rows: readonly [string, string][] = [
    ['22023', `insert into ruled (id, n, zone) values (1, 1, 'Nowhere/Atlantis')`],
    ['22012', 'insert into ruled (id, n, share) values (1, 1, 0)'],
    ['22003', 'insert into ruled (id, n) values (1, 70000)'],
    ['22P02', `insert into ruled (id, n) select t::int, 1 from unnest('{one}'::text[]) t`],
    [
      '22008',
      `insert into ruled (id, n) select 1, extract(year from t::date) from unnest('{2021-02-30}'::text[]) t`,
    ],
    ['23502', 'insert into ruled (id) values (1)'],
    ['23503', 'insert into ruled (id, n, up) values (1, 1, 7)'],
    ['23505', 'insert into ruled (id, n) values (1, 1), (1, 1)'],
    ['23514', 'insert into ruled (id, n, share) values (1, 1, 500)'],
    ['P0001', `do $$ begin raise 'no' ; end $$`],
  ];
  for (const [state, sql] of rows) {
    it(`is a row's fault: ${state}, ${sql}`, async () => {
      const error = await refusal(sql);
      assert.equal(sqlstateOf(error), state);
      assert.equal(isRowFault(error), true);
      assert.equal(isRowFault(new LongshoreError('internal', 'wrapped', { cause: error })), true);
    });
  }

  const others: readonly [string, string][] = [
    ['22023', `set timezone_abbreviations = 'Nowhere'`],
    ['22023', `set timezone = 'Nowhere/Atlantis'`],
    ['22023', `set work_mem = 'much'`],
    ['2200H', `select nextval('short')`],
    ['42P01', 'select from nowhere'],
    ['42601', 'selec'],
  ];
  for (const [state, sql] of others) {
    it(`is no row's fault: ${state}, ${sql}`, async () => {
      const error = await refusal(sql);
      assert.equal(sqlstateOf(error), state);
      assert.equal(isRowFault(error), false);
      assert.equal(isRowFault(new LongshoreError('internal', 'wrapped', { cause: error })), false);
    });
  }
  it('is nothing of the kind: an error of the process', () => {
    assert.equal(isRowFault(new Error('22023')), false);
    assert.equal(isRowFault(undefined), false);
  });
});
