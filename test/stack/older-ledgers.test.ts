import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { migrations } from '../../migrations/index.ts';
import { listAudit } from '../../src/audit/audit-rows.ts';
import { listBackups, readBackup } from '../../src/backups/backups.ts';
import { listBatches, listBatchRejects } from '../../src/batches/read-batches.ts';
import { openDatabase } from '../../src/db/database.ts';
import { migrate } from '../../src/db/migrate.ts';
import { listApiKeys } from '../../src/keys/key-rows.ts';
import { listLoads, readLoad, readLoadPlan } from '../../src/loads/loads.ts';
import { listRejects } from '../../src/rejects/rejects.ts';
import { listCopies } from '../../src/restores/copies.ts';
import { listRestores, readRestore } from '../../src/restores/restores.ts';
import { readScheduleRows } from '../../src/schedules/schedule-rows.ts';
import { testDatabase } from '../support/database.ts';
import { testHome } from '../support/home.ts';
import {
  DUMPS_BACKUP_KEY,
  databaseOfDump,
  fillLedger,
  ledgerCatalog,
  ledgerDumps,
  ledgerRows,
  writeDump,
} from '../support/ledger-dumps.ts';
import { testStack } from '../support/stack.ts';

const ORDER = migrations.map(({ name }) => name);
const NEWEST = ORDER.at(-1)!;
const DUMPS = ledgerDumps(ORDER);
const PAGE = { limit: 50 };

/** A row as schema migrations leave it: they have renamed one status. */
function renamed(row: string): string {
  return row.replace('"status": "charting"', '"status": "surveying"');
}

/** What is there only while a restore is under way, or after months. */
const BY_HAND = `
  insert into longshore.table_gate (table_name, restore_id) values ('departments', 1);
  insert into longshore.arrival_file (arrival_id, source, path, version, file_key, drop_no, bytes, state, marked, seen_at,
                                      confirmed_at)
  values ('inbox', 'storage', 'inbox/jobs/a.csv', 'v', 'k', 0, 5, 'waiting', true, now(), now());
  insert into longshore.load_past values ('jobs', 'done', 3, 30, 1, 0, 0)`;

if (process.env.RECORD_LEDGER) {
  it('leaves a row in every table of the ledger, and dumps it', async (t) => {
    assert.ok(!DUMPS.includes(NEWEST), `there is a dump of ${NEWEST}, and a recorded one is never changed`);
    const env = { LONGSHORE_BACKUP_KEY: DUMPS_BACKUP_KEY, LONGSHORE_KEPT_REJECTS: '1' };
    const stack = await testStack(t, undefined, { env });
    await fillLedger(stack);
    await stack.db.query(BY_HAND);
    for (const [name, { rows }] of await ledgerRows(stack.db)) {
      assert.ok(rows.length > 0, `nothing is in longshore.${name}`);
    }
    writeDump(NEWEST, stack.databaseUrl);
  });
}

describe('a ledger of an earlier version', () => {
  let fresh: readonly string[];
  before(async () => {
    await using database = await testDatabase();
    await using db = await openDatabase({ url: database.url, poolSize: 1 });
    fresh = await ledgerCatalog(db);
  });

  it('is kept as a dump of the first release, and of every schema migration that there is a dump of', () => {
    assert.deepEqual(
      DUMPS.filter((name) => !ORDER.includes(name)),
      [],
    );
    assert.ok(DUMPS.includes('20261124-batch-header'), 'version 0.1.0');
  });

  for (const name of DUMPS) {
    it(`is brought up to date with all its rows, and read as ever: ${name}`, async () => {
      await using database = await databaseOfDump(name);
      const { url } = database;
      await using db = await openDatabase({ url, poolSize: 4 });
      const was = await ledgerRows(db);
      for (const table of ['load', 'reject', 'batch', 'backup', 'restore', 'api_key', 'audit']) {
        assert.ok((was.get(table)?.rows.length ?? 0) > 0, table);
      }
      await migrate(url);
      assert.deepEqual(await ledgerCatalog(db), fresh);
      const kept = await ledgerRows(db, was);
      for (const [table, { rows }] of was) assert.deepEqual(kept.get(table)?.rows, rows.map(renamed), table);

      const loads = await listLoads(db, PAGE);
      const loaded = new Set(loads.map(({ table }) => table));
      assert.deepEqual(loaded, new Set(['jobs', 'hired_employees', 'departments']));
      for (const { id } of loads) {
        await readLoad(db, id);
        const { table } = await readLoadPlan(db, { loadId: id });
        const { rejects } = await listRejects(db, id, table, { afterLine: 0, limit: 10 });
        // Of two the later dumps keep one, so that they have something in `reject_rest`.
        if (table.name === 'hired_employees')
          assert.deepEqual(
            rejects.map(({ line }) => line),
            (was.get('reject')?.rows ?? [])
              .map((row) => JSON.parse(row) as { load_id: number; line: number })
              .filter(({ load_id }) => load_id === id)
              .map(({ line }) => line)
              .sort(),
          );
      }
      const [batch] = await listBatches(db, PAGE);
      assert.deepEqual(batch?.rows, { sent: 2, accepted: 1, rejected: 1, discarded: 0 });
      assert.equal((await listBatchRejects(db, batch.id, { afterIndex: -1, limit: 10 })).rejects.length, 1);
      const backups = await listBackups(db, PAGE);
      assert.ok(backups.some(({ purpose }) => purpose === 'safety'));
      for (const { id } of backups) assert.equal((await readBackup(db, id)).status, 'done');
      const restores = await listRestores(db, PAGE);
      assert.deepEqual(new Set(restores.map(({ kind }) => kind)), new Set(['restore', 'dry-run', 'drill']));
      for (const { id } of restores) assert.equal((await readRestore(db, id)).status, 'done');
      await listCopies(db, PAGE);
      assert.ok((await listApiKeys(db, PAGE)).some((key) => key.name === 'writer'));
      const schedules = await readScheduleRows(db);
      if (was.has('schedule')) assert.ok(schedules.some(({ id }) => id === 'nightly'));
      assert.ok((await listAudit(db, PAGE)).some(({ action }) => action === 'backup.start'));

      const [catalog, rows] = [await ledgerCatalog(db), await ledgerRows(db)];
      await migrate(url);
      assert.deepEqual([await ledgerCatalog(db), await ledgerRows(db)], [catalog, rows]);
    });
  }

  it('of version 0.1.0 is taken over by a start, read over HTTP, and left as it is by the next start', async () => {
    await using database = await databaseOfDump('20261124-batch-header');
    await using db = await openDatabase({ url: database.url, poolSize: 2 });
    const env = {
      DATABASE_URL: database.url,
      LONGSHORE_HOME: await testHome({ after }),
      LONGSHORE_BACKUP_KEY: DUMPS_BACKUP_KEY,
    };
    const was = await ledgerRows(db);
    const facts = async () => {
      const rows = await ledgerRows(db);
      const lasting = ['load', 'reject', 'batch', 'batch_reject', 'backup', 'restore', 'idempotency_key'];
      return [await ledgerCatalog(db), lasting.map((name) => rows.get(name)?.rows)];
    };
    const start = async (use: (stack: Awaited<ReturnType<typeof testStack>>) => Promise<void>) => {
      const stops: (() => Promise<unknown>)[] = [];
      try {
        await use(await testStack({ after: (stop) => void stops.push(stop) }, undefined, { env }));
      } finally {
        for (const stop of stops) await stop();
      }
    };
    let left: unknown;
    await start(async ({ get, post }) => {
      for (const path of [
        'loads',
        'batches',
        'backups',
        'restores',
        'keys',
        'schedules',
        'audit',
        'reports',
        'tables',
      ]) {
        const { status, body } = await get(`/v1/${path}`);
        assert.equal(status, 200, JSON.stringify(body));
        const [list] = Object.values(body).filter((value) => Array.isArray(value)) as { id?: string }[][];
        if (path !== 'schedules') assert.ok(list!.length > 0, path);
        if (!['loads', 'batches', 'backups', 'restores', 'keys'].includes(path)) continue;
        for (const { id } of list!)
          assert.equal((await get(`/v1/${path}/${id}`)).status, 200, `${path} ${id}`);
      }
      assert.equal((await get('/v1/loads/3/rejects')).status, 200);
      // The dump's own: the first answer of a request that is repeated.
      const rows = [{ id: 10, job: 'Baker' }, { id: 'x' }];
      const again = await post('/v1/tables/jobs/rows', rows, { 'idempotency-key': 'one' });
      assert.ok(again.status < 300, JSON.stringify(again.body));
      left = await facts();
    });
    await start(async () => {
      assert.deepEqual(await facts(), left);
    });
    const kept = await ledgerRows(db, was);
    for (const name of ['load', 'reject', 'batch_group', 'restore']) {
      for (const row of was.get(name)!.rows) assert.ok(kept.get(name)!.rows.includes(row), `${name}: ${row}`);
    }
  });
});
