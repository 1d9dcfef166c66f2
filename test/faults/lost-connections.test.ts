import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openDatabase } from '../../src/db/database.ts';
import { testDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { linkTo } from '../support/link.ts';

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
    const taken = async () => db.pool().total - db.pool().idle;
    await eventually(taken, 0);
    assert.deepEqual(await db.transaction((tx) => tx.query('select 1 as n')), [{ n: 1 }]);
  });

  it('has all its places again after connections were lost as transactions began', async () => {
    const { hostname, port } = new URL(url);
    const link = await linkTo({ after }, hostname, Number(port));
    const linked = Object.assign(new URL(url), { host: `${link.host}:${link.port}` });
    await using db = await openDatabase({ url: linked.href, poolSize: 2 });
    for (let round = 0; round < 10; round++) {
      await db.query('select 1');
      // The pool takes the connection for good: it is lost when the transaction's first word is on its way.
      link.cutAtNextWord();
      await assert.rejects(db.transaction((tx) => tx.query('select 1')));
    }
    await eventually(async () => db.pool().total - db.pool().idle, 0);
    assert.deepEqual(await db.transaction((tx) => tx.query('select 1 as n')), [{ n: 1 }]);
  });
});
