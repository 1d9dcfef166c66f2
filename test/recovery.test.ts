import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Client } from '@temporalio/client';
import pg from 'pg';
import { endOrphans } from '../api/orphans.ts';
import { openScheduleBook } from '../api/schedules/open-schedule-book.ts';
import { readDictionary } from '../src/dictionary/read-dictionary.ts';
import { createLoad } from '../src/ledger/loads.ts';
import { createLogger } from '../src/runtime/logger.ts';
import { temporalClient } from './support/batch-api.ts';
import { type TestDatabase, testDatabase } from './support/database.ts';
import { fromGlobalSetup } from './support/environment.ts';
import { eventually, until } from './support/eventually.ts';
import { type Cleanup, testHome } from './support/home.ts';
import { type TestStack, testStack } from './support/stack.ts';
import { type TestTemporal, testTemporal } from './support/temporal.ts';

/** A stack over stores that the test keeps, so that each can be lost or brought back from an older copy. */
interface Stores {
  readonly database: TestDatabase;
  readonly temporal: TestTemporal;
  readonly storage: string;
}

async function newStores(t: Cleanup): Promise<Stores> {
  const storage = join(await testHome(t), 'storage');
  return { database: await testDatabase(t), temporal: await testTemporal(), storage };
}

/** Starts over the stores, and stops when `work` is over. */
async function running<T>(
  stores: Stores,
  work: (stack: TestStack, client: Client) => Promise<T>,
): Promise<T> {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const stack = await testStack({ after: (end) => void ends.push(end) }, undefined, {
      // What ran before was stopped by the test.
      times: { watchMs: 1_000 },
      env: {
        DATABASE_URL: stores.database.url,
        TEMPORAL_NAMESPACE: stores.temporal.namespace,
        LONGSHORE_STORAGE: `file:${stores.storage}`,
      },
    });
    const client = await temporalClient({ after: (end) => void ends.push(end) }, {
      temporal: stores.temporal,
    } as TestStack);
    return await work(stack, client);
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

async function admin(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: fromGlobalSetup('TEST_DATABASE_URL') });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** What a store was at some moment, to be brought back. Nobody may be connected to the database. */
interface Copies {
  readonly database: string;
  readonly storage: string;
}

/** PostgreSQL, Temporal and the storage, each of them lost or back from an older copy, alone and in pairs. */
describe('a platform whose stores come back older, or not at all', async () => {
  const t = { after };
  const stores = await newStores(t);
  const { name } = stores.database;
  let copies = 0;
  after(async () => {
    for (let n = 1; n <= copies; n++) {
      await admin(`drop database if exists ${name}_copy_${n} with (force)`);
      await rm(`${stores.storage}-${n}`, { recursive: true, force: true });
    }
  });

  async function copy(): Promise<Copies> {
    const database = `${name}_copy_${++copies}`;
    await admin(`create database ${database} template ${name}`);
    const storage = `${stores.storage}-${copies}`;
    await cp(stores.storage, storage, { recursive: true });
    return { database, storage };
  }

  async function bringBack({ database, storage }: Partial<Copies>): Promise<void> {
    if (database !== undefined) {
      await admin(`drop database ${name} with (force)`);
      await admin(`create database ${name} template ${database}`);
    }
    if (storage !== undefined) {
      await rm(stores.storage, { recursive: true });
      if (storage !== '') await cp(storage, stores.storage, { recursive: true });
    }
  }

  const departments = async (stack: TestStack) =>
    (await stack.rows('departments')).map(({ department }) => department);

  /** A load that waits, paused, with its workflow and its upload. */
  async function pausedLoad({ db }: TestStack, csv: string): Promise<{ id: number; workflowId: string }> {
    const key = `uploads/${randomUUID()}`;
    await mkdir(join(stores.storage, 'uploads'), { recursive: true });
    await writeFile(join(stores.storage, key), csv);
    const { tables, version } = await readDictionary(undefined);
    const { id } = await db.transaction(async (tx) => {
      const made = await createLoad(tx, {
        table: tables.find((table) => table.name === 'jobs')!,
        dictionary: { version },
        mode: 'append',
        source: { kind: 'upload', name: 'rows.csv', key },
        sourceStamp: null,
        chart: null,
        maxRejects: null,
        force: true,
        startedBy: 'test',
      });
      await tx.query('update longshore.load set paused = true where id = $1', [made.id]);
      return made;
    });
    const [row] = await until(
      () =>
        db.query<{ workflowId: string }>(
          'select workflow_id as "workflowId" from longshore.load where id = $1 and run_id is not null',
          [id],
        ),
      (rows) => rows.length > 0,
    );
    return { id, workflowId: row!.workflowId };
  }

  /** Loads, batches and backups work, numbers that are given again or not. */
  async function works(stack: TestStack, id: number): Promise<void> {
    const { body } = await stack.load('departments', `${id},new ${id}\n`);
    assert.deepEqual([body.status, body.rows.loaded], ['done', 1], JSON.stringify(body));
    const posted = await stack.post('/v1/tables/departments/rows', [
      { id: id + 1, department: `new ${id + 1}` },
    ]);
    assert.equal(posted.status, 201, JSON.stringify(posted.body));
    const backup = await stack.post('/v1/tables/departments/backups', {}, { prefer: 'wait=50' });
    assert.equal(backup.status, 201, JSON.stringify(backup.body));
    const names = await departments(stack);
    assert.ok(names.includes(`new ${id}`) && names.includes(`new ${id + 1}`), names.join());
  }

  const scheduleOf = async (stack: TestStack) => {
    const { status, body } = await stack.get('/v1/schedules/nightly');
    const { cron, paused, note } = body as unknown as Record<string, unknown>;
    return { status, cron, paused, note };
  };
  const ended = (stack: TestStack, id: number) =>
    until(
      async () => (await stack.get(`/v1/loads/${id}`)).body,
      ({ finishedAt }) => finishedAt !== null,
      { limitMs: 60_000 },
    );

  let older: Copies;
  let newer: Copies;
  let waiting: { id: number; workflowId: string };
  let backupId = '';

  it('begins with a load, a schedule and a copy; then comes more of each', async () => {
    await running(stores, async (stack) => {
      assert.equal((await stack.load('departments', '1,first\n')).body.id, 1);
      await stack.post('/v1/schedules', { id: 'nightly', kind: 'backup', cron: '0 3 * * *', note: 'mine' });
    });
    older = await copy();
    await running(stores, async (stack, client) => {
      assert.equal((await stack.load('departments', '2,second\n')).body.id, 2);
      const backup = await stack.post('/v1/tables/departments/backups', {}, { prefer: 'wait=50' });
      backupId = String(backup.body.id);
      waiting = await pausedLoad(stack, '7,paused\n');
      // By an operator, with Temporal's own means.
      await client.schedule.getHandle(stack.inTemporal('schedule-nightly')).pause('by an operator');
      await client.schedule.getHandle(stack.inTemporal('report-hires-by-quarter')).pause('by an operator');
      const book = openScheduleBook({
        ...stack,
        client,
        log: createLogger({ level: 'silent', process: 'test' }),
      });
      await book.sync();
    });
    newer = await copy();
  });

  it('PostgreSQL older: numbers are given again, and nothing of the lost loads is taken for the new ones', async () => {
    await bringBack({ database: older.database });
    await running(stores, async (stack) => {
      assert.deepEqual(await departments(stack), ['first']);
      // The backup of later is adopted, and IDs go on past it; without one, the numbers would be given again.
      await eventually(async () => (await stack.get(`/v1/backups/${backupId}`)).status, 200);
      await stack.db.query(`select setval(pg_get_serial_sequence('longshore.load', 'id'), $1)`, [
        waiting.id - 1,
      ]);
      const third = await stack.load('jobs', '8,third\n');
      assert.deepEqual([third.body.id, third.body.status], [waiting.id, 'done'], JSON.stringify(third.body));
      assert.notEqual(third.body.workflowId, waiting.workflowId);
    });
  });

  it('PostgreSQL older: what waits in Temporal and is forgotten is ended, and nothing else', async () => {
    await running(stores, async (stack, client) => {
      const forgotten = await pausedLoad(stack, '9,forgotten\n');
      const known = await pausedLoad(stack, '10,known\n');
      await stack.db.query('delete from longshore.load where id = $1', [forgotten.id]);
      const stateOf = async ({ workflowId }: { workflowId: string }) =>
        (await client.workflow.getHandle(workflowId).describe()).status.name;
      const log = createLogger({ level: 'silent', process: 'test' });
      await until(
        async () => {
          await endOrphans({ ...stack, client, log }, 0);
          return stateOf(forgotten);
        },
        (state) => state === 'TERMINATED',
      );
      assert.deepEqual([await stateOf(forgotten), await stateOf(known)], ['TERMINATED', 'RUNNING']);
      await stack.post(`/v1/loads/${known.id}/resume`);
      assert.equal((await ended(stack, known.id)).status, 'done');
    });
  });

  it('storage lost: loads without their file and backups without theirs say so, the rest works', async () => {
    await bringBack({ database: newer.database, storage: '' });
    await running(stores, async (stack) => {
      await stack.post(`/v1/loads/${waiting.id}/resume`);
      const load = await ended(stack, waiting.id);
      assert.ok(['failed'].includes(load.status), JSON.stringify(load));
      const drill = await stack.post(`/v1/backups/${backupId}/verify`, {}, { prefer: 'wait=50' });
      assert.equal(drill.body.code, 'backup-damaged', JSON.stringify(drill.body));
      await works(stack, 40);
    });
  });

  it('PostgreSQL and storage older', async () => {
    await bringBack(older);
    await running(stores, async (stack) => {
      assert.deepEqual(await departments(stack), ['first']);
      await works(stack, 50);
    });
  });

  it('Temporal lost: loads go on, and schedules are there with the pauses that operators set', async () => {
    await bringBack(newer);
    const lost = { ...stores, temporal: await testTemporal() };
    await running(lost, async (stack, client) => {
      assert.deepEqual(await scheduleOf(stack), {
        status: 200,
        cron: '0 3 * * *',
        paused: true,
        note: 'by an operator',
      });
      const report = client.schedule.getHandle(stack.inTemporal('report-hires-by-quarter'));
      assert.equal((await report.describe()).state.paused, true);
      await until(
        async () => (await stack.post(`/v1/loads/${waiting.id}/resume`)).status,
        (status) => status === 200,
      );
      assert.equal((await ended(stack, waiting.id)).status, 'done');
      await works(stack, 60);
    });
  });

  it('Temporal lost, PostgreSQL older', async () => {
    await bringBack({ database: older.database });
    await running({ ...stores, temporal: await testTemporal() }, async (stack) => {
      assert.deepEqual(await scheduleOf(stack), {
        status: 200,
        cron: '0 3 * * *',
        paused: false,
        note: 'mine',
      });
      await works(stack, 70);
    });
  });

  it('Temporal lost, storage lost', async () => {
    await bringBack({ database: newer.database, storage: '' });
    await running({ ...stores, temporal: await testTemporal() }, async (stack) => {
      await until(
        async () => (await stack.post(`/v1/loads/${waiting.id}/resume`)).status,
        (status) => status === 200 || status === 409,
      );
      assert.equal((await ended(stack, waiting.id)).status, 'failed');
      assert.equal((await scheduleOf(stack)).paused, true);
      await works(stack, 80);
    });
  });
});
