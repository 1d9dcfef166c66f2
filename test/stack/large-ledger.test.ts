import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Registry } from 'prom-client';
import { takeSnapshot } from '../../src/backups/snapshot.ts';
import { listBatches } from '../../src/batches/read-batches.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { parseDictionary } from '../../src/dictionary/parse-dictionary.ts';
import { countEndedLoads } from '../../src/loads/count-loads.ts';
import { endLoad } from '../../src/loads/end-load.ts';
import { LOAD_JOB } from '../../src/loads/load-job.ts';
import { createLoad, listLoads, loadAhead, type NewLoad, readLoad } from '../../src/loads/loads.ts';
import { addLedgerMetrics } from '../../src/metrics/ledger-metrics.ts';
import { fillView } from '../../src/reports/fill-view.ts';
import { reportState, staleReports } from '../../src/reports/report-states.ts';
import { readRuns } from '../../src/schedules/runs.ts';
import { ensureTables } from '../../src/tables/ensure-tables.ts';
import { ensureReadViews } from '../../src/tables/read-views.ts';
import { deleteOldBatches, deleteOldBatchRejects } from '../../src/tidy/tidy-batches.ts';
import { deleteFailedBackups, deleteOldRestores } from '../../src/tidy/tidy-entries.ts';
import { deleteOldLoads } from '../../src/tidy/tidy-loads.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';
import { type RowsRead, rowsRead, rowsReadBy } from '../support/rows-read.ts';

/** Loads, and as many groups of batches: enough that PostgreSQL reads by an index where there is one. */
const MANY = 10_000;
/** What one statement may read, however many there are. */
const FEW = 400;

const dictionary = parseDictionary({
  name: 'large',
  resources: ['busy', 'rare'].map((name) => ({
    name,
    schema: { fields: [{ name: 'id', type: 'integer' }], primaryKey: 'id' },
  })),
});
const [busy, rare] = dictionary.tables as [(typeof dictionary.tables)[0], (typeof dictionary.tables)[0]];

/** Most loads are of one table and done. One in 100 was a file of the inbox, one in 1000 failed. */
const LOADS = `
  insert into longshore.load (table_name, mode, status, workflow_id, source_kind, source_name, source_key, source_stamp,
      sha256, definition, dictionary_version, started_by, rows_read, rows_loaded, created_at, started_at, finished_at)
    select case when n % 2500 = 17 then 'rare' else 'busy' end, case when n % 9 = 0 then 'merge' else 'append' end,
           case when n % 1000 = 5 then 'failed' else 'done' end, 'load-' || n,
           case when n % 100 = 3 then 'inbox' else 'upload' end, 'f', 'inbox/' || n % 10, 's' || n, 'h' || n, '{}', '1',
           'test', 1, 1, now() - (${MANY} - n) * interval '1 minute', now(), now() - (${MANY} - n) * interval '1 minute'
      from generate_series(1, ${MANY}) n`;
const GROUPS = `
  insert into longshore.batch_group (workflow_id, table_name, mode, committed_at)
    select 'batch-' || n, case when n % 2500 = 17 then 'rare' else 'busy' end, 'append',
           now() - (${MANY} - n) * interval '1 minute'
      from generate_series(1, ${MANY}) n`;
const BATCHES = `
  insert into longshore.batch (id, group_id, table_name, mode, strict, status, first_line, rows_sent, rows_accepted,
      rows_rejected, rows_discarded)
    select 'b' || id, id, table_name, 'append', false, 'done', 1, 1, 1, 0, 0 from longshore.batch_group`;
const BACKUPS = `
  insert into longshore.backup (id, purpose, schedule_id, tables, status, codec, encrypted, workflow_id,
      dictionary_name, dictionary_version, definitions, started_by, snapshot_at, created_at, finished_at, deleted_at)
    select 'k' || n, 'schedule', 'daily', '{busy}', 'deleted', 'null', false, 'backup-' || n, 'd', '1', '[]',
           'schedule:daily:' || n, now(), now(), now(), now()
      from generate_series(1, 3000) n`;
const DRILLS = `
  insert into longshore.restore (kind, backup_id, tables, target, status, workflow_id, started_by, finished_at)
    select 'drill', 'k' || n, '{busy}', '{}', 'done', 'restore-' || n, 'schedule:daily:' || n, now()
      from generate_series(1, 3000) n`;

describe(`A ledger of ${MANY} loads and as many batches`, () => {
  let database: TestDatabase;
  let db: Database;
  before(async () => {
    database = await testDatabase();
    db = await openDatabase({ url: database.url });
    await ensureTables(database.url, dictionary);
    await db.transaction((tx) => ensureReadViews(tx, dictionary.tables));
    await db.query(
      'create materialized view longshore_report.sums as select count(*) from longshore_read.busy',
    );
    await db.query(
      `insert into longshore.report (name, hash, tables, as_of, seconds, rows) values ('sums', 'h', '{busy}', now(), 1, 1)`,
    );
    for (const statement of [LOADS, GROUPS, BATCHES, BACKUPS, DRILLS]) await db.query(statement);
    await countEndedLoads(db);
    for (const table of ['load', 'load_count', 'batch', 'batch_group', 'backup', 'restore']) {
      await db.query(`vacuum analyze longshore.${table}`);
    }
  });
  after(async () => {
    await db[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  const request = (table: typeof busy, mode: NewLoad['mode'], more: Partial<NewLoad>): NewLoad => ({
    ...{
      table,
      dictionary,
      mode,
      sourceStamp: null,
      survey: null,
      maxRejects: null,
      force: false,
      startedBy: 'test',
    },
    source: { kind: 'upload', name: 'f', key: 'uploads/f' },
    ...more,
  });
  const survey = (sha256: string) => ({ survey: { sha256, bytes: 1, header: null, chunks: [] } as never });
  const inbox = { source: { kind: 'inbox', name: '3', key: 'inbox/3' } } as const;

  const READERS: Readonly<Record<string, (db: Database) => Promise<unknown>>> = {
    'lists the newest loads': (db) => listLoads(db, { limit: 20 }),
    'lists a page of older loads': (db) => listLoads(db, { limit: 20, before: 2500 }),
    'lists failed loads': (db) => listLoads(db, { status: 'failed', limit: 10 }),
    'lists loads of a status that none has': (db) => listLoads(db, { status: 'publishing', limit: 50 }),
    'lists loads of a table that has few': (db) => listLoads(db, { tables: ['rare'], limit: 20 }),
    'lists loads of several tables': (db) => listLoads(db, { tables: ['rare', 'busy'], limit: 20 }),
    'lists failed loads of a table': (db) => listLoads(db, { tables: ['rare'], status: 'failed', limit: 20 }),
    'shows a load': (db) => readLoad(db, 100),
    'lists the newest batches': (db) => listBatches(db, { limit: 20 }),
    'lists a page of older batches': (db) => listBatches(db, { limit: 20, before: 'b4294972296' }),
    'lists batches of a table that has few': (db) => listBatches(db, { tables: ['rare'], limit: 20 }),
    'lists batches of one group': (db) => listBatches(db, { loadId: 4294972296, limit: 20 }),
    'creates a load of new content': (db) =>
      db.transaction((tx) => createLoad(tx, request(busy, 'append', survey('new')))),
    'finds the load of the same content': (db) =>
      db.transaction((tx) => createLoad(tx, request(busy, 'append', survey('h1001')))),
    'creates a load where an old one of the same content was merged': (db) =>
      db.transaction((tx) => createLoad(tx, request(busy, 'merge', survey('h9')))),
    'creates a load from the inbox': (db) =>
      db.transaction((tx) => createLoad(tx, request(busy, 'append', { ...inbox, sourceStamp: 'new' }))),
    'finds the load of the same file of the inbox': (db) =>
      db.transaction((tx) => createLoad(tx, request(busy, 'append', { ...inbox, sourceStamp: 's103' }))),
    'ends a load': (db) =>
      endLoad(db, { delete: async () => undefined }, { loadId: 200, end: { status: 'cancelled' } }),
    'looks for the load ahead': (db) => loadAhead(db, 9_000),
    'looks for loads without a workflow': (db) => LOAD_JOB.unfinished(db.ledger),
    'shows a report': (db) => reportState(db, 'sums'),
    'looks for stale reports': (db) => staleReports(db),
    'counts loads for metrics': async (db) => {
      const registry = new Registry();
      addLedgerMetrics(registry, db);
      assert.match(await registry.metrics(), /longshore_loads\{table="busy",status="done"\} 9986/);
    },
    'shows the runs of a schedule': (db) => readRuns(db, 'daily', ['7', '8']),
    'deletes nothing where nothing is old': async (db) => {
      const slices = { days: 100, between: () => undefined };
      await deleteOldLoads(db, slices);
      await deleteOldBatches(db, slices);
      await deleteOldBatchRejects(db, slices);
      await deleteOldRestores(db, slices);
      await deleteFailedBackups({ db, storage: {} as never }, slices, () => assert.fail());
    },
  };
  for (const [what, work] of Object.entries(READERS)) {
    it(`${what} and reads a few rows`, async () => assertFew(await rowsRead(db, work)));
  }

  it('refreshes a report and reads few rows more than those that a refresh counts again', async () => {
    const { total, where } = await rowsRead(db, (_, tx) =>
      fillView(tx, { name: 'sums', tables: ['busy'] }, { view: 'sums', concurrently: false }),
    );
    assert.ok(total < 2_500, where);
  });

  it('takes the snapshot of a backup and reads a few rows', async (t) => {
    const client = await db.connect();
    t.after(() => client.end());
    const read = rowsReadBy(
      async (text) => (await client.query(text)).rows,
      async () => {
        const { lastLoads } = await takeSnapshot(client, [busy, rare]);
        assert.deepEqual(lastLoads, { busy: MANY, rare: 7_517 });
      },
    );
    assertFew(await read);
  });

  it('counts loads as often as they are, whether they were counted, changed or deleted since', async () => {
    const totals = async () => {
      const registry = new Registry();
      addLedgerMetrics(registry, db);
      const text = await registry.metrics();
      const of = (status: string) =>
        Number(
          new RegExp(`longshore_loads\\{table="rare",status="${status}"\\} (\\d+)`).exec(text)?.[1] ?? 0,
        );
      return [of('done'), of('failed')];
    };
    assert.deepEqual(await totals(), [4, 0]);
    await db.query(`update longshore.load set status = 'failed' where id = 17`);
    assert.deepEqual(await totals(), [3, 1]);
    await countEndedLoads(db);
    assert.deepEqual(await totals(), [3, 1]);
    await db.query('delete from longshore.load where id in (17, 2517)');
    assert.deepEqual(await totals(), [2, 0]);
    await Promise.all([countEndedLoads(db), countEndedLoads(db)]);
    assert.deepEqual(await totals(), [2, 0]);
  });
});

function assertFew({ total, where }: RowsRead): void {
  assert.ok(total <= FEW, `${total} rows were read: ${where}`);
}
