import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openDatabase } from '../../src/db/database.ts';
import { buildEarly, dropUntaken, takeOrBuild } from '../../src/publish/built-early.ts';
import { testDatabase } from '../support/database.ts';

describe('keys that are built early', async () => {
  const db = await openDatabase({ url: (await testDatabase({ after })).url });
  after(() => db[Symbol.asyncDispose]());
  const [parent, child] = ['early_parent', 'early_child'];
  await db.query(`create table ${parent} (id int, code int)`);
  await db.query(`create table ${child} (id int, parent int)`);
  await db.query(`insert into ${parent} values (1, 1)`);
  await db.query(`insert into ${child} values (1, 1)`);
  const constraints = async (table: string) => {
    const rows = await db.query<{ text: string }>(
      `select conname || ' ' || pg_get_constraintdef(oid) as text from pg_constraint
        where conrelid = $1::regclass and contype in ('p', 'u', 'f') order by 1`,
      [table],
    );
    return rows.map(({ text }) => text);
  };
  const file = async (index: string) => {
    const [row] = await db.query<{ node: number }>(
      'select pg_relation_filenode($1::regclass)::bigint::float8 as node',
      [index],
    );
    return row?.node;
  };

  it('are taken as they are, with those that are missing built and those that are not wanted dropped', async () => {
    for (const _twice of [1, 2]) {
      await buildEarly(db, parent, 'PRIMARY KEY (id)');
      await buildEarly(db, parent, 'UNIQUE (code)');
      await buildEarly(db, child, `FOREIGN KEY (parent) REFERENCES ${parent}(code)`);
    }
    const [key] = await constraints(parent);
    const early = (await constraints(parent)).map((text) => text.split(' ')[0]!);
    assert.equal(early.length, 2, `once each: ${key}`);
    const [row] = await db.query<{ name: string }>(
      `select conname as name from pg_constraint where conrelid = $1::regclass and contype = 'p'`,
      [parent],
    );
    const built = await file(row!.name);

    await takeOrBuild(db, parent, { name: 'parent_key', definition: 'PRIMARY KEY (id)' });
    await takeOrBuild(db, child, { name: 'child_key', definition: 'PRIMARY KEY (id)' });
    await dropUntaken(db, [parent, child]);
    assert.deepEqual(await constraints(parent), ['parent_key PRIMARY KEY (id)']);
    assert.deepEqual(await constraints(child), ['child_key PRIMARY KEY (id)']);
    assert.equal(await file('parent_key'), built, 'the index was not built again');
  });
});
