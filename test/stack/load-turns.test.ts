import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openDatabase, type Tx } from '../../src/db/database.ts';
import { readDictionary } from '../../src/dictionary/read-dictionary.ts';
import { createLoad, loadAhead } from '../../src/loads/loads.ts';
import { testDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

describe('loads of one table that are created at the same moment', async () => {
  const { url } = await testDatabase({ after });
  const db = await openDatabase({ url, poolSize: 4 });
  after(() => db[Symbol.asyncDispose]());
  const dictionary = await readDictionary(undefined);

  const create = (tx: Tx, table: string, file: string) =>
    createLoad(tx, {
      table: dictionary.tables.find(({ name }) => name === table)!,
      dictionary,
      mode: 'replace',
      source: { kind: 'inbox', name: file, key: `inbox/${file}` },
      sourceStamp: file,
      survey: null,
      maxRejects: null,
      force: false,
      startedBy: 'test',
    });

  const waiting = async () => {
    const [row] = await db.query<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and wait_event = 'advisory'`,
    );
    return row?.n;
  };

  it('take turns: none becomes visible after a later one has looked for those ahead of it', async () => {
    const { promise: created, resolve: noteCreated } = Promise.withResolvers<number>();
    const { promise: commit, resolve: letCommit } = Promise.withResolvers<void>();
    const first = db.transaction(async (tx) => {
      const { id } = await create(tx, 'jobs', 'first.csv');
      noteCreated(id);
      await commit;
    });
    const ahead = await created;
    const second = db.transaction((tx) => create(tx, 'jobs', 'second.csv'));
    await eventually(waiting, 1);
    // Another table's load does not wait.
    await db.transaction((tx) => create(tx, 'departments', 'other.csv'));
    letCommit();
    await first;
    const { id } = await second;
    assert.ok(id > ahead);
    assert.equal(await loadAhead(db, id), ahead);
    assert.equal(await loadAhead(db, ahead), null);
  });
});
