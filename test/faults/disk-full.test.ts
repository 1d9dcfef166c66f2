import assert from 'node:assert/strict';
import { chownSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import pg from 'pg';
import { MARK } from '../../src/installation/installation.ts';
import type { RestoreView } from '../../src/restores/restore.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { testDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { postgresServer } from '../support/servers.ts';
import { type SmallDisk, smallDisk, smallDiskFault } from '../support/small-disk.ts';
import { testStack } from '../support/stack.ts';

const MB = 1e6;
const ROWS = 150_000;
const TABLESPACE = 'small_disk';
const jobs = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => `${from + i},Job number ${i}\n`).join('');
const sumsOf = (from: number) => ({ rows: ROWS, ids: ROWS * from + (ROWS * (ROWS - 1)) / 2, lines: ROWS });

const fault = smallDiskFault();
describe('a disk that is full', { skip: fault ?? false }, async () => {
  if (fault !== null) return;
  const storageDisk = smallDisk({ after }, 24 * MB);
  const tableDisk = smallDisk({ after }, 64 * MB);
  const databaseUrl = await databaseOn(tableDisk);
  const logged: string[] = [];
  const log = createLogger({ level: 'info', process: 'test' }, { write: (line) => void logged.push(line) });
  const stack = await testStack({ after }, undefined, {
    log,
    env: { LONGSHORE_STORAGE: `file:${storageDisk.path}/files`, DATABASE_URL: databaseUrl },
  });
  const { db, get, post, url, key } = stack;

  const storedFiles = async () =>
    readdirSync(join(storageDisk.path, 'files'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== MARK)
      .map((entry) => entry.name);
  const send = (body: string | FormData) =>
    fetch(`${url}/v1/tables/jobs/loads?mode=replace`, {
      method: 'POST',
      headers: { 'x-api-key': key, ...(typeof body === 'string' && { 'content-type': 'text/csv' }) },
      body,
    });
  const start = async (csv: string) => {
    const response = await send(csv);
    assert.equal(response.status, 202, await response.clone().text());
    return ((await response.json()) as { id: number }).id;
  };
  const statusOf = async (id: number) => (await get(`/v1/loads/${id}`)).body.status;
  /** Until PostgreSQL has refused this often for want of room. */
  const refused = (times: number) =>
    eventually(async () => logged.filter((line) => line.includes('database-full')).length >= times, true);
  const sums = async () => {
    const [row] = await db.query(
      `select count(*)::int as rows, sum(id)::float8 as ids, count(distinct _line)::int as lines from jobs`,
    );
    return row;
  };
  const stages = async () =>
    (await db.query(`select from pg_class where relnamespace = 'longshore_stage'::regnamespace`)).length;

  let size: { readonly rows: number; readonly key: number } | undefined;

  it('an upload to a full storage is answered with 507, starts nothing and leaves nothing', async () => {
    await storageDisk.fill(8 * MB);
    const csv = jobs(0, 1_000_000);
    const form = new FormData();
    form.append('file', new Blob([csv]), 'jobs.csv');
    for (const body of [csv, form]) {
      const response = await send(body);
      const problem = (await response.json()) as Record<string, unknown>;
      assert.deepEqual(
        [response.status, problem.code, problem.detail],
        [507, 'storage-full', 'the storage has no room left'],
      );
      assert.deepEqual(await storedFiles(), []);
    }
    assert.equal((await db.query('select from longshore.load')).length, 0);
    await storageDisk.free();
    const id = await start(jobs(0, ROWS));
    await eventually(() => statusOf(id), 'done');
    [size] = await db.query(
      `select pg_relation_size('jobs')::float8 as rows, pg_indexes_size('jobs')::float8 as key`,
    );
  });

  it('a load waits while the disk of PostgreSQL is full, and completes when there is space', async () => {
    const before = await sums();
    logged.length = 0;
    await tableDisk.fill(2 * MB);
    const id = await start(jobs(1_000_000, ROWS));
    await refused(3);
    const { status, body } = await get(`/v1/loads/${id}`);
    assert.deepEqual([status, body.status, body.finishedAt], [200, 'loading', null]);
    assert.equal(body.waitingFor?.code, 'database-full');
    assert.deepEqual(await sums(), before, 'readers see the table as it was');
    await tableDisk.free();
    await eventually(() => statusOf(id), 'done');
    assert.deepEqual(await sums(), sumsOf(1_000_000));
    await eventually(stages, 0);
    await eventually(storedFiles, []);
  });

  it('a load that is being published waits while the disk of PostgreSQL is full, and completes, too', async () => {
    const before = await sums();
    logged.length = 0;
    // Room for the rows, but not for their key.
    await tableDisk.fill(size!.rows + size!.key / 2);
    const id = await start(jobs(2_000_000, ROWS));
    await refused(3);
    assert.equal(await statusOf(id), 'publishing');
    assert.deepEqual(await sums(), before);
    await tableDisk.free();
    await eventually(() => statusOf(id), 'done');
    assert.deepEqual(await sums(), sumsOf(2_000_000));
    await eventually(stages, 0);
  });

  it('a load that waits for space of PostgreSQL can be cancelled', async () => {
    const before = await sums();
    logged.length = 0;
    await tableDisk.fill(2 * MB);
    const id = await start(jobs(3_000_000, ROWS));
    await refused(1);
    await post(`/v1/loads/${id}/cancel`);
    await eventually(() => statusOf(id), 'cancelled');
    await tableDisk.free();
    assert.deepEqual(await sums(), before);
    await eventually(stages, 0);
    await eventually(storedFiles, []);
  });

  const backUp = async () => {
    const { status, body } = await post('/v1/backups', { tables: ['jobs'] }, { prefer: 'wait=50' });
    assert.equal(status, 201, JSON.stringify(body));
    return String(body.id);
  };
  const restore = async (backupId: string, body: object) => {
    const answer = await post(`/v1/backups/${backupId}/restore`, body);
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    return answer.body.id;
  };
  const restoreOf = async (id: number) => (await get(`/v1/restores/${id}`)).body as unknown as RestoreView;
  const restoreStatusOf = async (id: number) => (await restoreOf(id)).status;
  /** A table that is not as in the backup, and the disk of which is full but for so much. */
  const spoil = async (leaveBytes: number) => {
    await db.query(`update jobs set job = 'spoilt' where id % 1000 = 0`);
    await db.query('vacuum jobs');
    logged.length = 0;
    await tableDisk.fill(leaveBytes);
    return sumsAndNames();
  };
  const sumsAndNames = async () => [
    await sums(),
    ...(await db.query(`select count(*)::int as spoilt from jobs where job = 'spoilt'`)),
  ];
  const nothingLeft = async () => {
    await eventually(stages, 0);
    assert.equal((await db.query('select from longshore.table_gate')).length, 0);
    assert.equal((await db.query('select from longshore.restore_part')).length, 0);
  };
  let backupId: string;
  let saved: unknown;

  it('a restore waits while the disk of PostgreSQL is full, says so, and completes when there is space', async () => {
    saved = await sumsAndNames();
    backupId = await backUp();
    const spoilt = await spoil(2 * MB);
    assert.notDeepEqual(spoilt, saved);
    const id = await restore(backupId, { safety: false });
    await refused(3);
    const { status, finishedAt, waitingFor } = await restoreOf(id);
    assert.deepEqual([status, finishedAt, waitingFor?.code], ['staging', null, 'database-full']);
    assert.deepEqual(await sumsAndNames(), spoilt, 'readers see the table as it was');
    await tableDisk.free();
    await eventually(() => restoreStatusOf(id), 'done');
    assert.equal((await restoreOf(id)).waitingFor, null);
    assert.deepEqual(await sumsAndNames(), saved);
    await nothingLeft();
  });

  it('a restore that builds its keys waits for space of PostgreSQL, too, while writers go on', async () => {
    const spoilt = await spoil(size!.rows + size!.key / 2);
    const id = await restore(backupId, {});
    await refused(3);
    assert.deepEqual(await sumsAndNames(), spoilt);
    assert.equal((await db.query('select from longshore.table_gate')).length, 0);
    await tableDisk.free();
    await eventually(() => restoreStatusOf(id), 'done');
    assert.deepEqual(await sumsAndNames(), saved);
    await nothingLeft();
  });

  it('a restore that waits for space of PostgreSQL can be cancelled, and started again', async () => {
    const spoilt = await spoil(2 * MB);
    const id = await restore(backupId, {});
    await refused(1);
    await post(`/v1/restores/${id}/cancel`);
    await eventually(() => restoreStatusOf(id), 'cancelled');
    await nothingLeft();
    await tableDisk.free();
    assert.deepEqual(await sumsAndNames(), spoilt);
    const again = await restore(backupId, {});
    await eventually(() => restoreStatusOf(again), 'done');
    assert.deepEqual(await sumsAndNames(), saved);
    await nothingLeft();
  });
});

/** A database whose tables are on a disk of their own. Its server has them in a tablespace; everything else stays. */
async function databaseOn(disk: SmallDisk): Promise<string> {
  const admin = new pg.Client({ connectionString: (await postgresServer()).url });
  await admin.connect();
  const location = join(disk.path, 'tables');
  const data = (await admin.query('show data_directory')).rows[0].data_directory;
  mkdirSync(location);
  const { uid, gid } = statSync(data);
  chownSync(location, uid, gid);
  await admin.query(`create tablespace ${TABLESPACE} location '${location}'`);
  const { url, name } = await testDatabase({ after });
  await admin.query(`alter database ${name} set default_tablespace = ${TABLESPACE}`);
  after(async () => {
    await admin.query(`drop tablespace ${TABLESPACE}`);
    await admin.end();
  });
  return url;
}
