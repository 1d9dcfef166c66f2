import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { openDatabase } from '../../src/db/database.ts';
import { testDatabase } from '../support/database.ts';

describe('a database that is closed', async () => {
  const { url } = await testDatabase({ after });

  // It waits for ever where a connection that is being acquired is lost.
  it('closes at whatever moment queries, transactions and entities are read', {
    timeout: 120_000,
  }, async () => {
    for (let turns = 0; turns < 40; turns++) {
      const db = await openDatabase({ url, poolSize: 4 });
      if (turns % 2 === 1) await db.query('select 1');
      const underWay = Promise.allSettled([
        db.query('select 1'),
        db.ledger.selectFrom('load').select('id').execute(),
        db.transaction((tx) => tx.query('select 1')),
      ]);
      for (let left = turns; left > 0; left--) await turn();
      await db[Symbol.asyncDispose]();
      const ended = await underWay;
      assert.equal(ended.length, 3);
      assert.equal(db.pool().total, 0);
    }
  });
});
