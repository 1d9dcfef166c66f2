import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openDatabase } from '../src/db/database.ts';
import { testDatabase } from './support/database.ts';
import { until } from './support/eventually.ts';

describe('the pool of connections', async () => {
  const { url } = await testDatabase({ after });

  it('has all its places again after connections were lost in transactions', async () => {
    await using db = await openDatabase({ url, poolSize: 2 });
    await using other = await openDatabase({ url, poolSize: 1 });
    for (let round = 0; round < 5; round++) {
      await assert.rejects(
        db.transaction(async (tx) => {
          const [own] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
          await Promise.all([
            tx.query('select pg_sleep(10)'),
            other.query('select pg_terminate_backend($1)', [own?.pid]),
          ]);
        }),
      );
    }
    const free = () => db.pool().total - db.pool().idle;
    assert.equal(
      await until(
        async () => free(),
        (n) => n === 0,
        { limitMs: 2_000 },
      ),
      0,
    );
    assert.deepEqual(await db.transaction((tx) => tx.query('select 1 as n')), [{ n: 1 }]);
  });

  it('has all its places again after connections were lost as transactions began', async () => {
    await using db = await openDatabase({ url, poolSize: 2 });
    await using other = await openDatabase({ url, poolSize: 1 });
    await other.query('select 1');
    let failed = 0;
    for (let round = 0; round < 20; round++) {
      const [own] = await db.query<{ pid: number }>('select pg_backend_pid() as pid');
      // Both are on their way at once: the pool does not know of the end yet.
      const ending = other.query('select pg_terminate_backend($1)', [own?.pid]);
      if (round % 2 === 0) await ending;
      await db.transaction((tx) => tx.query('select 1')).catch(() => void failed++);
      await ending;
    }
    assert.ok(failed > 0, 'no transaction met a lost connection');
    const taken = await until(
      async () => db.pool().total - db.pool().idle,
      (n) => n === 0,
      { limitMs: 2_000 },
    );
    assert.equal(taken, 0);
  });
});
