import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { to as copyTo } from 'pg-copy-streams';
import { CopyOut } from '../src/db/copy-out.ts';
import { openDatabase } from '../src/db/database.ts';
import { sqlstateOf } from '../src/db/sqlstate.ts';
import { testDatabase } from './support/database.ts';

describe('rows that PostgreSQL copies out', async () => {
  const { url } = await testDatabase({ after });
  const db = await openDatabase({ url });
  const client = await db.connect();
  after(async () => {
    await client.end();
    await db[Symbol.asyncDispose]();
  });
  const read = async (pieces: AsyncIterable<Buffer>, pauseEvery = Number.POSITIVE_INFINITY) => {
    const all: Buffer[] = [];
    for await (const piece of pieces) {
      // The piece as it is now: it may not change afterwards.
      all.push(Buffer.from(piece));
      if (all.length % pauseEvery === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return Buffer.concat(all);
  };
  const SIZES = {
    none: '0',
    tiny: '1',
    mixed: '(i * 7919) % 400',
    large: 'case when i % 50 = 0 then 300000 else i % 9 end',
  };

  for (const [what, size] of Object.entries(SIZES)) {
    it(`come as they were sent, and the connection goes on: ${what}`, async () => {
      const select = `select i, repeat('x', ${size}) from generate_series(1, ${what === 'large' ? 500 : 60_000}) i`;
      const sql = `copy (${select}) to stdout (format binary)`;
      const expected = await read(client.query(copyTo(sql)));
      assert.ok((await read(client.query(new CopyOut(sql)))).equals(expected));
      assert.ok((await read(client.query(new CopyOut(sql)), 2)).equals(expected), 'read slowly');
      assert.deepEqual((await client.query('select 1 as one')).rows, [{ one: 1 }]);
    });
  }

  it('come between notices', async () => {
    await client.query(
      `create function noisy(i int) returns int language plpgsql as $$ begin raise warning 'row %', i; return i; end $$`,
    );
    const sql = 'copy (select noisy(i) from generate_series(1, 1000) i) to stdout';
    assert.equal((await read(client.query(new CopyOut(sql)))).toString().split('\n').length, 1001);
  });

  it('end in an error where PostgreSQL finds one, and the connection goes on', async () => {
    const failing = 'copy (select 1 / (50000 - i) from generate_series(1, 60000) i) to stdout';
    for (const sql of [failing, 'copy nothing_there to stdout', 'not sql']) {
      const error = await read(client.query(new CopyOut(sql))).catch((thrown: unknown) => thrown);
      assert.match(sqlstateOf(error) ?? '', /^(22012|42P01|42601)$/);
      assert.deepEqual((await client.query('select 1 as one')).rows, [{ one: 1 }]);
    }
  });

  it('end in an error when the connection is lost', async () => {
    const doomed = await db.connect();
    const { rows } = await doomed.query('select pg_backend_pid() as pid');
    const sql =
      'copy (select pg_sleep(case when i = 5000 then 30 else 0 end) from generate_series(1, 9000) i) to stdout';
    setTimeout(() => void db.query('select pg_terminate_backend($1)', [rows[0].pid]), 300);
    await assert.rejects(read(doomed.query(new CopyOut(sql))));
    await doomed.end().catch(() => undefined);
  });
});
