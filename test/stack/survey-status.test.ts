import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { migrate } from '../../src/db/migrate.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';

/** As it was when a survey was called a chart. */
const BEFORE = `
  delete from longshore.schema_migration where name = '20261126-surveys';
  alter table longshore.load drop constraint load_status_check;
  update longshore.load set status = 'charting' where status = 'surveying';
  alter table longshore.load add constraint load_status_check check (status in
    ('accepted', 'queued', 'charting', 'loading', 'checking', 'publishing', 'done', 'failed', 'cancelled'))`;

describe('a ledger with loads that are being charted', () => {
  let database: TestDatabase;
  let client: pg.Client;
  const insert = (status: string) =>
    client.query(
      `insert into longshore.load (table_name, mode, status, workflow_id, source_kind, source_name, source_key,
         definition, dictionary_version, started_by)
       values ('jobs', 'append', $1, gen_random_uuid(), 'inbox', 'x', 'x', '{}', '1', 'test')`,
      [status],
    );
  const statuses = async () =>
    (await client.query('select status from longshore.load order by id')).rows.map(({ status }) => status);

  before(async () => {
    database = await testDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });
  after(async () => {
    await client.end();
    await database[Symbol.asyncDispose]();
  });

  it('says after a start that they are being surveyed, and takes the former word no more', async () => {
    await client.query(BEFORE);
    for (const status of ['charting', 'queued', 'charting']) await insert(status);
    await migrate(database.url);
    assert.deepEqual(await statuses(), ['surveying', 'queued', 'surveying']);
    await insert('surveying');
    await assert.rejects(insert('charting'), { constraint: 'load_status_check' });
  });
});
