import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from '@temporalio/worker';
import type { ScheduleActivities } from '../../activities/index.ts';
import type { DrillOutcome } from '../../src/restores/drills.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { type RanSchedule, RUN_SCHEDULE, type RunScheduleInput } from '../../src/schedules/contract.ts';
import { installRuntime } from '../../src/temporal/worker-runtime.ts';
import { WORKFLOW_QUEUE } from '../support/former-queues.ts';
import { recordHistory } from '../support/histories.ts';
import { testTemporal } from '../support/temporal.ts';

const workflowsPath = fileURLToPath(new URL('../support/schedule-workflows.ts', import.meta.url));
installRuntime(createLogger({ level: 'silent', process: 'test' }));

const BACKUP: RunScheduleInput = {
  scheduleId: 'nightly',
  kind: 'backup',
  timezone: 'UTC',
  tables: null,
  codec: null,
  encrypt: null,
  retention: { keepLast: 1 },
  drill: false,
};
const DRILL: RunScheduleInput = { ...BACKUP, kind: 'drill', retention: null };

/** The workflow alone, on a real server, with activities and children that the test decides on. */
describe('runSchedule', async () => {
  const bundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  const { address, namespace } = await testTemporal();
  const connection = await NativeConnection.connect({ address });
  const client = new Client({ connection: await Connection.connect({ address }), namespace });

  /** Names of the activities that ran, in order. */
  let ran: string[] = [];
  let backupId = '';
  let chosen: readonly string[] = [];
  let nextRestore = 0;

  const outcome = (restoreId: number): DrillOutcome => {
    const ok = restoreId % 2 === 0;
    const verification = {
      ok,
      at: '',
      seconds: 1,
      restoreId,
      tables: [],
      faults: ok ? [] : ['jobs-0.avro: cut'],
    };
    return { status: ok ? 'done' : 'failed', verification };
  };
  const activities: ScheduleActivities = {
    async createScheduledBackup() {
      ran.push('createScheduledBackup');
      return { backupId, workflowId: `backup-${backupId}`, tables: ['jobs'] };
    },
    async chooseBackups() {
      ran.push('chooseBackups');
      return [...chosen];
    },
    async createDrill({ backupId: id }) {
      ran.push(`createDrill ${id}`);
      const restoreId = nextRestore++;
      return { restoreId, workflowId: `drill-${randomUUID()}` };
    },
    async readDrill({ restoreId }) {
      return outcome(restoreId);
    },
    async applyRetention() {
      ran.push('applyRetention');
      return { removed: ['older'], left: [] };
    },
  };
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue: WORKFLOW_QUEUE,
    workflowBundle: bundle,
    activities,
  });
  const running = worker.run();
  after(async () => {
    worker.shutdown();
    await running;
    await connection.close();
    await client.connection.close();
  });
  beforeEach(() => {
    ran = [];
    backupId = randomUUID();
    nextRestore = 0;
  });

  const start = (input: RunScheduleInput) =>
    client.workflow.start<(input: RunScheduleInput) => Promise<RanSchedule>>(RUN_SCHEDULE, {
      workflowId: `schedule-${randomUUID()}`,
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
    });

  async function failureOf(result: Promise<unknown>): Promise<ApplicationFailure> {
    const error = await result.then(
      () => assert.fail('the workflow did not fail'),
      (e) => e,
    );
    assert.ok(
      error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure,
      String(error),
    );
    return error.cause;
  }

  it('makes a backup, then follows retention', async () => {
    const result = await (await start(BACKUP)).result();
    assert.deepEqual(result, { backupId, proved: [], removed: ['older'] });
    assert.deepEqual(ran, ['createScheduledBackup', 'applyRetention']);
  });

  it('proves the backup before it removes any', async () => {
    const handle = await start({ ...BACKUP, drill: true });
    assert.deepEqual(await handle.result(), { backupId, proved: [backupId], removed: ['older'] });
    assert.deepEqual(ran, ['createScheduledBackup', `createDrill ${backupId}`, 'applyRetention']);
    await recordHistory(client, 'run-schedule-backup-and-drill', handle.workflowId);
  });

  it('removes nothing when the backup fails, and fails for the same reason', async () => {
    backupId = `full-${randomUUID()}`;
    const failure = await failureOf((await start(BACKUP)).result());
    assert.deepEqual([failure.type, failure.message], ['storage-full', 'no room left']);
    assert.deepEqual(ran, ['createScheduledBackup']);
  });

  it('removes nothing when the drill finds damage', async () => {
    nextRestore = 1;
    const failure = await failureOf((await start({ ...BACKUP, drill: true })).result());
    assert.equal(failure.type, 'backup-damaged');
    assert.equal(failure.message, `backup ${backupId}: jobs-0.avro: cut`);
    assert.ok(!ran.includes('applyRetention'));
  });

  it('proves each of the newest backups, also after one that is damaged', async () => {
    chosen = ['first', 'second', 'third'];
    const handle = await start(DRILL);
    const failure = await failureOf(handle.result());
    assert.deepEqual([failure.type, failure.message], ['backup-damaged', 'backup second: jobs-0.avro: cut']);
    assert.deepEqual(ran.slice(1), ['createDrill first', 'createDrill second', 'createDrill third']);
    await recordHistory(client, 'run-schedule-drill-damaged', handle.workflowId);
  });

  it('has nothing to prove while there is no backup', async () => {
    chosen = [];
    const result = await (await start(DRILL)).result();
    assert.deepEqual(result, { backupId: null, proved: [], removed: [] });
  });
});
