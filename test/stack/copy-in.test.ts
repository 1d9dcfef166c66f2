import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { copyIn } from '../../src/db/copy-in.ts';
import { sqlstateOf } from '../../src/db/sqlstate.ts';
import { testConnection } from '../support/connection.ts';

const LINES = 40_000;

describe('rows that are copied in', async () => {
  const { db, client } = await testConnection({ after });
  await client.query('create table kept (n int primary key, words text)');
  const sql = 'copy kept from stdin';
  const count = async () => (await client.query('select count(*)::int as n from kept')).rows[0].n;

  /** A hundred lines a piece, all in the same memory. */
  function* lines(first: number, most = LINES): Generator<Buffer> {
    const memory = Buffer.allocUnsafeSlow(64 * 1024);
    for (let n = first; n < first + most; n += 100) {
      const text = Array.from({ length: 100 }, (_, at) => `${n + at}\t${'x'.repeat((n + at) % 500)}\n`).join(
        '',
      );
      yield memory.subarray(0, memory.write(text));
    }
  }

  it('arrive, also where all pieces use the same memory', async () => {
    assert.equal(await copyIn(client, sql, lines(0)), LINES);
    const { rows } = await client.query('select min(n), max(n), sum(length(words))::int as bytes from kept');
    const bytes = Array.from({ length: LINES }, (_, n) => n % 500).reduce((sum, length) => sum + length, 0);
    assert.deepEqual(rows, [{ min: 0, max: LINES - 1, bytes }]);
    assert.equal(await copyIn(client, sql, []), 0);
  });

  it('are none of them there where PostgreSQL refuses one, and the connection goes on', async () => {
    for (const [text, pieces, code] of [
      [sql, lines(LINES / 2), '23505'],
      [
        sql,
        [Buffer.from('no number\t1\n'), ...Array.from({ length: 50 }, () => Buffer.alloc(100_000, 'x'))],
        '22P02',
      ],
      ['copy nothing_there from stdin', lines(0), '42P01'],
      ['not sql', lines(0), '42601'],
    ] as const) {
      await assert.rejects(copyIn(client, text, pieces), (error) => sqlstateOf(error) === code);
      assert.equal(await count(), LINES);
    }
  });

  it('are none of them there where the pieces fail or the signal aborts', async () => {
    function* failing() {
      yield* lines(LINES, 5000);
      throw new Error('no more');
    }
    await assert.rejects(copyIn(client, sql, failing()), /^Error: no more$/);
    assert.equal(await count(), LINES);
    const abort = new AbortController();
    function* aborting() {
      for (const piece of lines(LINES)) {
        yield piece;
        abort.abort(new Error('stop it'));
      }
    }
    await assert.rejects(copyIn(client, sql, aborting(), abort.signal), /^Error: stop it$/);
    assert.equal(await count(), LINES);
  });

  it('fail when the connection is lost', async () => {
    const doomed = await db.connect();
    const { rows } = await doomed.query('select pg_backend_pid() as pid');
    async function* endless() {
      for (let first = LINES; ; first += 100) {
        if (first === LINES + 1000) await db.query('select pg_terminate_backend($1)', [rows[0].pid]);
        yield* lines(first, 100);
      }
    }
    await assert.rejects(copyIn(doomed, sql, endless()));
    await doomed.end().catch(() => undefined);
    assert.equal(await count(), LINES);
  });
});
