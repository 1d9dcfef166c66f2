import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { to as copyTo } from 'pg-copy-streams';
import { checkEnd, type TupleSource, tuplesOf } from '../../src/db/copy-binary.ts';
import { CopyOut } from '../../src/db/copy-out.ts';
import { sqlstateOf } from '../../src/db/sqlstate.ts';
import { testConnection } from '../support/connection.ts';
import { eventually } from '../support/eventually.ts';

describe('rows that PostgreSQL copies out', async () => {
  const { db, client } = await testConnection({ after });
  const binary = (select: string) => `copy (${select}) to stdout (format binary)`;
  /** The bytes of the tuples, one after the other. */
  const read = async (source: TupleSource, columns: number, pauseEvery = Number.POSITIVE_INFINITY) => {
    const { input } = source;
    const all: Buffer[] = [];
    for (let pieces = 1; await source.more(); pieces++) {
      while (input.nextTuple(columns))
        all.push(Buffer.from(input.bytes.subarray(input.tupleStart, input.tupleEnd)));
      if (pieces % pauseEvery === 0) await sleep(1);
    }
    checkEnd(input);
    return Buffer.concat(all);
  };
  const goesOn = async () => assert.deepEqual((await client.query('select 1 as one')).rows, [{ one: 1 }]);
  const SIZES = {
    none: '0',
    tiny: '1',
    mixed: '(i * 7919) % 400',
    large: 'case when i % 50 = 0 then 300000 else i % 9 end',
  };

  for (const [what, size] of Object.entries(SIZES)) {
    it(`come as they were sent, and the connection goes on: ${what}`, async () => {
      const select = `select i, repeat('x', ${size}) from generate_series(1, ${what === 'large' ? 500 : 60_000}) i`;
      const sql = binary(select);
      const expected = await read(tuplesOf(client.query(copyTo(sql)) as AsyncIterable<Buffer>), 2);
      assert.ok((await read(client.query(new CopyOut(sql)), 2)).equals(expected));
      assert.ok((await read(client.query(new CopyOut(sql)), 2, 2)).equals(expected), 'read slowly');
      await goesOn();
    });
  }

  it('can be left where they are: the connection goes on behind them', async () => {
    const copy = client.query(new CopyOut(binary('select i from generate_series(1, 200000) i')));
    await copy.more();
    assert.ok(copy.input.nextTuple(1));
    await copy.close();
    await goesOn();
    const unread = client.query(new CopyOut(binary('select i from generate_series(1, 200000) i')));
    await unread.close();
    await goesOn();
  });

  it('come between notices', async () => {
    await client.query(
      `create function noisy(i int) returns int language plpgsql as $$ begin raise warning 'row %', i; return i; end $$`,
    );
    const sql = binary('select noisy(i) from generate_series(1, 1000) i');
    const tupleBytes = 2 + 4 + 4;
    assert.equal((await read(client.query(new CopyOut(sql)), 1)).length, 1000 * tupleBytes);
    await goesOn();
  });

  it('end in an error where PostgreSQL finds one, and the connection goes on', async () => {
    const failing = binary('select 1 / (50000 - i) from generate_series(1, 60000) i');
    for (const sql of [failing, 'copy nothing_there to stdout (format binary)', 'not sql']) {
      const error = await read(client.query(new CopyOut(sql)), 1).catch((thrown: unknown) => thrown);
      assert.match(sqlstateOf(error) ?? '', /^(22012|42P01|42601)$/);
      await goesOn();
    }
  });

  it('are refused where they are of another format or of other columns, and the connection goes on', async () => {
    for (const sql of ['copy (select 1) to stdout', binary('select 1, 2')]) {
      const copy = client.query(new CopyOut(sql));
      await assert.rejects(read(copy, 1), /did not send the requested binary COPY/);
      await copy.close();
      await goesOn();
    }
  });

  it('end in an error when the connection is lost', async () => {
    const doomed = await db.connect();
    const { rows } = await doomed.query('select pg_backend_pid() as pid');
    const sql = binary(
      'select pg_sleep(case when i = 5000 then 30 else 0 end) from generate_series(1, 9000) i',
    );
    const ended = assert.rejects(read(doomed.query(new CopyOut(sql)), 1));
    const isInTheMiddle = async () =>
      (
        await db.query(`select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'`, [
          rows[0].pid,
        ])
      ).length;
    await eventually(isInTheMiddle, 1);
    await db.query('select pg_terminate_backend($1)', [rows[0].pid]);
    await ended;
    await doomed.end().catch(() => undefined);
  });
});
