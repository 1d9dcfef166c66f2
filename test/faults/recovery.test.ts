import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type Client, WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import { rootCause } from '@temporalio/common';
import { readDictionary } from '../../src/dictionary/read-dictionary.ts';
import { endOrphans } from '../../src/housekeeping/orphans.ts';
import { startJob } from '../../src/jobs/start-job.ts';
import { RESUME } from '../../src/loads/contract.ts';
import { LOAD_JOB } from '../../src/loads/load-job.ts';
import { createLoad } from '../../src/loads/loads.ts';
import { type RunningTemporal, startTemporal } from '../../src/platform/temporal.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { openScheduleBook } from '../../src/schedules/open-schedule-book.ts';
import { temporalClient } from '../support/batch-api.ts';
import { runSql, testDatabase } from '../support/database.ts';
import { eventually, until } from '../support/eventually.ts';
import { testHome } from '../support/home.ts';
import { postgresServer } from '../support/servers.ts';
import { type TestStack, testStack } from '../support/stack.ts';

/** On the server. */
async function run<Row extends Record<string, unknown>>(sql: string): Promise<Row[]> {
  return runSql((await postgresServer()).url, sql);
}

const BACKUP_KEY = '5'.repeat(64);
const LOG = createLogger({ level: 'silent', process: 'test' });

/** Of the first department, in the first job. */
function employee(id: number, called: string): string {
  return `${id},${called},2021-01-01T00:00:00Z,1,1\n`;
}

/** What a store comes back as. */
type Copy = 'older' | 'newer' | 'lost';

interface Load {
  readonly id: number;
  readonly workflowId: string;
}

/**
 * PostgreSQL, Temporal and the storage, each of them lost or back from an older copy, alone and in pairs. The stores are
 * copied twice while nothing runs; each test brings back a copy of each, and starts.
 */
describe('a platform whose stores come back older, or not at all', async () => {
  const t = { after };
  const home = await testHome(t);
  const { name, url } = await testDatabase(t);
  const temporal = join(home, 'temporal');
  const storage = join(home, 'storage');
  let server: RunningTemporal | undefined;
  after(async () => {
    await server?.stop();
    for (const copy of ['older', 'newer']) await run(`drop database if exists ${name}_${copy} with (force)`);
  });

  /** Starts all that there is, and stops when `work` is over. */
  async function running(work: (stack: TestStack, client: Client) => Promise<void>): Promise<void> {
    server ??= await startTemporal({ home, log: LOG });
    const ends: (() => Promise<unknown>)[] = [];
    const cleanup = { after: (end: () => Promise<unknown>) => void ends.push(end) };
    const where = { address: server.address, namespace: 'default' };
    try {
      const stack = await testStack(cleanup, undefined, {
        log: LOG,
        // What ran before was stopped by the test.
        times: { watchMs: 1_000 },
        env: {
          DATABASE_URL: url,
          TEMPORAL_ADDRESS: where.address,
          TEMPORAL_NAMESPACE: where.namespace,
          LONGSHORE_STORAGE: `file:${storage}`,
          // Backups that the ledger has forgotten are believed by it.
          LONGSHORE_BACKUP_KEY: BACKUP_KEY,
        },
      });
      await work(stack, await temporalClient(cleanup, { temporal: where } as TestStack));
    } finally {
      for (const end of ends.toReversed()) await end();
    }
  }

  async function stopTemporal(): Promise<void> {
    await server?.stop();
    server = undefined;
  }

  async function keep(as: 'older' | 'newer'): Promise<void> {
    await stopTemporal();
    // Connections of a platform that has stopped end a moment later.
    await until(
      () => run(`select from pg_stat_activity where datname = '${name}'`),
      (sessions) => sessions.length === 0,
    );
    await run(`create database ${name}_${as} template ${name}`);
    for (const folder of [temporal, storage]) await cp(folder, `${folder}-${as}`, { recursive: true });
  }

  async function bringBack(database: Copy, ofTemporal: Copy, ofStorage: Copy): Promise<void> {
    await stopTemporal();
    const template = database === 'lost' ? (await postgresServer()).template : `${name}_${database}`;
    await run(`drop database ${name} with (force)`);
    await run(`create database ${name} template ${template}`);
    for (const [folder, copy] of [
      [temporal, ofTemporal],
      [storage, ofStorage],
    ] as const) {
      await rm(folder, { recursive: true });
      if (copy !== 'lost') await cp(`${folder}-${copy}`, folder, { recursive: true });
    }
  }

  const departments = async (stack: TestStack) =>
    (await stack.rows('departments')).map(({ department }) => department);

  /** A load that is paused before its first row, with its workflow and its upload. */
  async function pausedLoad(stack: TestStack, client: Client, table: string, csv: string): Promise<Load> {
    const key = `uploads/${randomUUID()}`;
    await mkdir(join(storage, 'uploads'), { recursive: true });
    await writeFile(join(storage, key), csv);
    const { tables, version } = await readDictionary(undefined);
    const { id } = await stack.db.transaction(async (tx) => {
      const made = await createLoad(tx, {
        table: tables.find((one) => one.name === table)!,
        dictionary: { version },
        mode: 'append',
        source: { kind: 'upload', name: 'rows.csv', key },
        sourceStamp: null,
        survey: null,
        maxRejects: null,
        force: true,
        startedBy: 'test',
      });
      await tx.query('update longshore.load set paused = true where id = $1', [made.id]);
      return made;
    });
    const load = await LOAD_JOB.row(stack.db.ledger, id);
    assert.ok(load);
    await startJob({ ...stack, client }, LOAD_JOB, load);
    return load;
  }

  const seen = async (stack: TestStack, { id }: Pick<Load, 'id'>) =>
    (await stack.get(`/v1/loads/${id}`)).body;
  const ended = (stack: TestStack, load: Load) =>
    until(
      () => seen(stack, load),
      ({ finishedAt }) => finishedAt !== null,
    );
  async function resumed(stack: TestStack, load: Load) {
    const answer = await stack.post(`/v1/loads/${load.id}/resume`);
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    return ended(stack, load);
  }

  /** Loads, batches and backups work, and none of them has been forgotten. */
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
    // Nothing is left hanging.
    await eventually(() => stack.db.query('select id from longshore.load where finished_at is null'), []);
  }

  const stateOf = async (client: Client, { workflowId }: Load) =>
    (await client.workflow.getHandle(workflowId).describe()).status.name;
  /** By the housekeeping, which waits a minute otherwise. */
  async function untilEnded(stack: TestStack, client: Client, load: Load): Promise<void> {
    const state = await until(
      async () => {
        await endOrphans({ ...stack, client, log: LOG }, 0);
        return stateOf(client, load);
      },
      (now) => now === 'TERMINATED',
    );
    assert.equal(state, 'TERMINATED');
  }

  const scheduleOf = async (stack: TestStack, id = 'nightly') => {
    const { status, body } = await stack.get(`/v1/schedules/${id}`);
    const { cron, paused, note } = body as unknown as Record<string, unknown>;
    return { status, cron, paused, note };
  };
  const asMade = { status: 200, cron: '0 3 * * *', paused: false, note: 'mine' };
  const asPaused = { status: 200, cron: '0 3 * * *', paused: true, note: 'by an operator' };
  const inTemporal = async (stack: TestStack, client: Client, id: string) =>
    (await client.schedule.getHandle(stack.inTemporal(id)).describe()).state.paused;

  /** Without its file, which is in no copy that the test brought back. */
  async function failsWithoutFile(stack: TestStack, load: Load): Promise<void> {
    const { status, error } = await resumed(stack, load);
    assert.deepEqual([status, error?.code], ['failed', 'source-not-found']);
  }

  // Both in the older copy, and paused; the newer copy has the second one's end.
  let goesOn: Load;
  let ends: Load;
  // In the newer copy only, and paused.
  let waiting: Load;
  let backupId = '';

  it('begins with loads and a schedule, and a copy of all; then comes more of each, and another copy', async () => {
    await running(async (stack, client) => {
      assert.equal((await stack.load('departments', '1,first\n')).body.id, 1);
      assert.equal((await stack.load('jobs', '1,Sailor\n')).body.status, 'done');
      goesOn = await pausedLoad(stack, client, 'jobs', '3,goes on\n');
      ends = await pausedLoad(stack, client, 'departments', '4,ends\n');
      await stack.post('/v1/schedules', { id: 'nightly', kind: 'backup', cron: '0 3 * * *', note: 'mine' });
    });
    await keep('older');
    await running(async (stack, client) => {
      assert.equal((await resumed(stack, ends)).status, 'done');
      const second = await stack.load('departments', '2,second\n');
      assert.equal(second.body.status, 'done', JSON.stringify(second.body));
      const backup = await stack.post('/v1/tables/departments/backups', {}, { prefer: 'wait=50' });
      backupId = String(backup.body.id);
      waiting = await pausedLoad(stack, client, 'hired_employees', employee(7, 'Waits'));
      await stack.post('/v1/schedules', { id: 'weekly', kind: 'backup', cron: '0 4 * * 1' });
      // By an operator, with Temporal's own means.
      await client.schedule.getHandle(stack.inTemporal('schedule-nightly')).pause('by an operator');
      await client.schedule.getHandle(stack.inTemporal('report-hires-by-quarter')).pause('by an operator');
      await openScheduleBook({ ...stack, client, log: LOG }).sync();
    });
    await keep('newer');
  });

  /** The ledger has lost its end, and Temporal has it: it is loaded again, and is still paused. */
  async function isLoadedAgain(stack: TestStack): Promise<void> {
    const { note } = await until(
      () => seen(stack, ends),
      (load) => load.note !== null,
    );
    assert.match(String(note), /It is loaded again/);
  }
  /** Temporal has lost the workflow that the ledger knows. */
  async function gotNewWorkflow(stack: TestStack, load: Load): Promise<void> {
    const { note } = await until(
      () => seen(stack, load),
      (now) => now.note !== null,
    );
    assert.match(String(note), /it got a new one/);
  }
  const isAdopted = (stack: TestStack) =>
    eventually(async () => (await stack.get(`/v1/backups/${backupId}`)).body.status, 'done');
  async function isDoubted(stack: TestStack): Promise<void> {
    await eventually(
      async () => (await stack.get(`/v1/backups/${backupId}`)).body.status,
      'unverified' as never,
    );
    const drill = await stack.post(`/v1/backups/${backupId}/verify`);
    assert.equal(drill.body.code, 'backup-unverified', JSON.stringify(drill.body));
  }

  it('PostgreSQL older: numbers are given again, no workflow of before writes, and what is forgotten can be sent again', async () => {
    await bringBack('older', 'newer', 'newer');
    await running(async (stack, client) => {
      assert.deepEqual(await departments(stack), ['first']);
      // The backup of later is adopted, and IDs go on past it; without one, the numbers would be given again.
      await isAdopted(stack);
      await stack.db.query(`select setval(pg_get_serial_sequence('longshore.load', 'id'), $1)`, [
        waiting.id - 1,
      ]);
      const again = (await stack.load('hired_employees', employee(8, 'Again'))).body;
      assert.deepEqual([again.id, again.status], [waiting.id, 'done'], JSON.stringify(again));
      assert.notEqual(again.workflowId, waiting.workflowId);
      const former = client.workflow.getHandle(waiting.workflowId);
      await former.signal(RESUME).catch((error) => assert.ok(error instanceof WorkflowNotFoundError));
      const failure = await former.result().catch((error: unknown) => error);
      assert.ok(failure instanceof WorkflowFailedError);
      // The second one where the housekeeping was there first.
      assert.match(
        String(rootCause(failure.cause)),
        /another load \d+ than this workflow is of|ledger knows nothing of it/,
      );
      assert.equal((await seen(stack, waiting)).status, 'done');
      assert.deepEqual(
        (await stack.rows('hired_employees')).map((row) => row.name),
        ['Again'],
      );

      // What is unfinished ends, and what the ledger has forgotten is loaded when it is sent again.
      assert.deepEqual(await scheduleOf(stack), asPaused);
      assert.equal((await scheduleOf(stack, 'weekly')).status, 200);
      await isLoadedAgain(stack);
      await failsWithoutFile(stack, ends);
      assert.equal((await resumed(stack, goesOn)).status, 'done');
      const [first, second] = [
        (await stack.load('departments', '1,first\n')).body,
        (await stack.load('departments', '2,second\n')).body,
      ];
      assert.deepEqual([first.existing, first.id], [true, 1]);
      assert.deepEqual([second.existing, second.status], [false, 'done'], JSON.stringify(second));
      assert.deepEqual(await departments(stack), ['first', 'second']);
      await works(stack, 40);

      // What waits in Temporal and is forgotten is ended, and nothing else.
      const forgotten = await pausedLoad(stack, client, 'departments', '9,forgotten\n');
      const known = await pausedLoad(stack, client, 'jobs', '10,known\n');
      await stack.db.query('delete from longshore.load where id = $1', [forgotten.id]);
      await untilEnded(stack, client, forgotten);
      assert.equal(await stateOf(client, known), 'RUNNING');
      assert.equal((await resumed(stack, known)).status, 'done');
    });
  });

  it('PostgreSQL lost: schedules and backups are there, and the tables can be restored', async () => {
    await bringBack('lost', 'newer', 'newer');
    await running(async (stack) => {
      assert.deepEqual(await scheduleOf(stack), asPaused);
      await isAdopted(stack);
      const restored = await stack.post(`/v1/backups/${backupId}/restore`, {}, { prefer: 'wait=50' });
      assert.equal(restored.body.status, 'done', JSON.stringify(restored.body));
      assert.deepEqual(await departments(stack), ['first', 'second', 'ends']);
      await works(stack, 50);
    });
  });

  it('Temporal older: loads go on where the ledger has them, and schedules are put right', async () => {
    await bringBack('newer', 'older', 'newer');
    // Resumed a moment before the end: Temporal has forgotten that.
    await runSql(url, `update longshore.load set paused = false where id = ${goesOn.id}`);
    await running(async (stack, client) => {
      assert.deepEqual(await scheduleOf(stack), asPaused);
      for (const id of ['schedule-nightly', 'report-hires-by-quarter'])
        assert.equal(await inTemporal(stack, client, id), true, id);
      assert.equal(await inTemporal(stack, client, 'schedule-weekly'), false);
      assert.equal((await ended(stack, goesOn)).status, 'done');
      await gotNewWorkflow(stack, waiting);
      assert.equal((await resumed(stack, waiting)).status, 'done');
      await untilEnded(stack, client, ends);
      assert.deepEqual(await departments(stack), ['first', 'second', 'ends']);
      await works(stack, 60);
    });
  });

  it('Temporal lost: loads go on, and schedules are there with the pauses that operators set', async () => {
    await bringBack('newer', 'lost', 'newer');
    await running(async (stack, client) => {
      assert.deepEqual(await scheduleOf(stack), asPaused);
      for (const id of ['schedule-nightly', 'report-hires-by-quarter'])
        assert.equal(await inTemporal(stack, client, id), true, id);
      // At once: its workflow hears of it when it has one.
      assert.equal((await resumed(stack, waiting)).status, 'done');
      await gotNewWorkflow(stack, goesOn);
      assert.equal((await resumed(stack, goesOn)).status, 'done');
      await works(stack, 70);
    });
  });

  it('storage older: loads without their file and backups without theirs say so, the rest works', async () => {
    await bringBack('newer', 'newer', 'older');
    await running(async (stack) => {
      await isDoubted(stack);
      await failsWithoutFile(stack, waiting);
      assert.equal((await resumed(stack, goesOn)).status, 'done');
      await works(stack, 80);
    });
  });

  it('storage lost: loads without their file and backups without theirs say so, the rest works', async () => {
    await bringBack('newer', 'newer', 'lost');
    await running(async (stack) => {
      await isDoubted(stack);
      for (const load of [waiting, goesOn]) await failsWithoutFile(stack, load);
      assert.deepEqual(await departments(stack), ['first', 'second', 'ends']);
      await works(stack, 90);
    });
  });

  it('PostgreSQL and Temporal older', async () => {
    await bringBack('older', 'older', 'newer');
    await running(async (stack) => {
      assert.deepEqual(await scheduleOf(stack), asMade);
      await isAdopted(stack);
      await failsWithoutFile(stack, ends);
      assert.equal((await resumed(stack, goesOn)).status, 'done');
      await works(stack, 100);
    });
  });

  it('PostgreSQL older, Temporal lost', async () => {
    await bringBack('older', 'lost', 'newer');
    await running(async (stack) => {
      assert.deepEqual(await scheduleOf(stack), asMade);
      assert.equal((await scheduleOf(stack, 'weekly')).status, 404);
      await gotNewWorkflow(stack, ends);
      await failsWithoutFile(stack, ends);
      assert.equal((await resumed(stack, goesOn)).status, 'done');
      await works(stack, 110);
    });
  });

  it('PostgreSQL and storage older', async () => {
    await bringBack('older', 'newer', 'older');
    await running(async (stack) => {
      await isLoadedAgain(stack);
      for (const load of [ends, goesOn]) assert.equal((await resumed(stack, load)).status, 'done');
      assert.deepEqual(await departments(stack), ['first', 'ends']);
      await works(stack, 120);
    });
  });

  it('Temporal and storage older', async () => {
    await bringBack('newer', 'older', 'older');
    await running(async (stack) => {
      assert.deepEqual(await scheduleOf(stack), asPaused);
      await failsWithoutFile(stack, waiting);
      assert.equal((await resumed(stack, goesOn)).status, 'done');
      await works(stack, 130);
    });
  });

  it('Temporal and storage lost', async () => {
    await bringBack('newer', 'lost', 'lost');
    await running(async (stack) => {
      assert.deepEqual(await scheduleOf(stack), asPaused);
      for (const load of [waiting, goesOn]) await failsWithoutFile(stack, load);
      await works(stack, 140);
    });
  });
});
