import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { EndBackupInput } from '../../activities/end-backup.ts';
import type { Activities, BackupKeeping } from '../../activities/index.ts';
import {
  BACK_UP,
  type BackedUp,
  type HeldSnapshot,
  SNAPSHOT_HELD,
  SNAPSHOT_LOST,
} from '../../src/backups/contract.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { installRuntime } from '../../src/temporal/worker-runtime.ts';
import { ACTIVITY_QUEUE, WORKFLOW_QUEUE } from '../support/former-queues.ts';
import { recordedHistories, recordHistory, replayFaults } from '../support/histories.ts';
import { testTemporal } from '../support/temporal.ts';
import { unsealedBundle } from '../support/unsealed-bundle.ts';

installRuntime(createLogger({ level: 'silent', process: 'test' }));

type BackupActivities = BackupKeeping & Pick<Activities, 'exportPart' | 'completeBackup'>;
const PARTS: HeldSnapshot['parts'] = [
  { table: 'jobs', no: 0, fromPage: 0, toPage: 10 },
  { table: 'jobs', no: 1, fromPage: 10, toPage: null },
  { table: 'departments', no: 0, fromPage: 0, toPage: null },
];

/** The workflow alone, on a real server, with activities that the test decides on. */
describe('backUp', async () => {
  const bundle = await unsealedBundle();
  const { address, namespace } = await testTemporal();
  const connection = await NativeConnection.connect({ address });
  const client = new Client({ connection: await Connection.connect({ address }), namespace });
  const ends: EndBackupInput[] = [];
  const exported: string[] = [];
  let over = false;
  let activities: BackupActivities = fakes();

  const current = Object.fromEntries(
    Object.keys(activities).map((name) => [
      name,
      (input: never) => (activities as unknown as Record<string, (i: never) => unknown>)[name]?.(input),
    ]),
  );
  const options = { connection, namespace, activities: current };
  const workers = [
    await Worker.create({ ...options, taskQueue: WORKFLOW_QUEUE, workflowBundle: bundle }),
    await Worker.create({ ...options, taskQueue: ACTIVITY_QUEUE }),
  ];
  const running = workers.map((worker) => worker.run());
  after(async () => {
    over = true;
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
    await connection.close();
    await client.connection.close();
  });

  async function tell(held: HeldSnapshot): Promise<void> {
    const { client: own, info } = Context.current();
    await own.workflow.getHandle(info.workflowExecution!.workflowId).signal(SNAPSHOT_HELD, held);
  }

  async function hold({ attempt }: { readonly attempt: number }): Promise<void> {
    await tell({ attempt, snapshotId: `00000003-0000001B-${attempt}`, parts: PARTS });
    while (!over) {
      Context.current().heartbeat();
      await sleep(20);
    }
    // The real one looks twice a second. If it is heard of before what ended it, the workflow tries another snapshot.
    const { client: own, info, cancellationSignal } = Context.current();
    const { workflowId, runId } = info.workflowExecution!;
    while (!cancellationSignal.aborted) {
      const { raw } = await own.workflow.getHandle(workflowId, runId).describe();
      if ((raw.pendingActivities ?? []).length <= 1) break;
      await sleep(20);
    }
  }

  function fakes(changes: Partial<BackupActivities> = {}): BackupActivities {
    return {
      beginBackup: async () => ({ status: 'running' }),
      holdSnapshot: hold,
      exportPart: async ({ attempt, table, no }) => {
        exported.push(`${attempt}/${table}/${no}`);
        return { rows: 10, bytes: 100 };
      },
      completeBackup: async ({ backupId }) => {
        over = true;
        return { backupId, rows: 30, bytes: 300 };
      },
      endBackup: async (input) => {
        ends.push(input);
        over = true;
        return { status: input.end.status };
      },
      ...changes,
    };
  }

  async function start(changes: Partial<BackupActivities>) {
    ends.length = 0;
    exported.length = 0;
    over = false;
    activities = fakes(changes);
    return client.workflow.start<(input: unknown) => Promise<BackedUp>>(BACK_UP, {
      workflowId: `backup-${randomUUID()}`,
      taskQueue: WORKFLOW_QUEUE,
      args: [{ backupId: 'b', tables: ['jobs', 'departments'] }],
    });
  }

  async function failureOf(result: Promise<unknown>): Promise<unknown> {
    const error = await result.then(
      () => assert.fail('it ended well'),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof WorkflowFailedError);
    return error.cause;
  }

  it('exports every part once, then completes', async () => {
    const handle = await start({});
    assert.deepEqual(await handle.result(), { backupId: 'b', rows: 30, bytes: 300 });
    assert.deepEqual(exported.sort(), ['1/departments/0', '1/jobs/0', '1/jobs/1']);
    assert.deepEqual(ends, []);
    await recordHistory(client, 'backup-in-turns', handle.workflowId);
    await recordHistory(client, 'backup', handle.workflowId);
  });

  it('begins again with another snapshot when its own is lost', async () => {
    const handle = await start({
      exportPart: async ({ attempt, table, no, snapshotId }) => {
        if (attempt === 1) throw ApplicationFailure.nonRetryable('gone', SNAPSHOT_LOST);
        exported.push(`${table}/${no}@${snapshotId}`);
        return { rows: 10, bytes: 100 };
      },
    });
    const first = handle.firstExecutionRunId;
    assert.deepEqual(await handle.result(), { backupId: 'b', rows: 30, bytes: 300 });
    assert.equal(exported.length, 3);
    for (const one of exported) assert.match(one, /@00000003-0000001B-2$/);
    assert.deepEqual(ends, []);
    await recordHistory(client, 'backup-lost-snapshot', handle.workflowId, first);
  });

  it('begins again when the process that held the snapshot is gone, whether or not it had it yet', async () => {
    for (const had of [true, false]) {
      let tries = 0;
      const handle = await start({
        holdSnapshot: async (input) => {
          if (++tries > 1) return hold(input);
          if (had) await tell({ attempt: 1, snapshotId: 'x', parts: PARTS });
          throw ApplicationFailure.nonRetryable('the connection was lost', 'database-unavailable');
        },
        exportPart: async ({ attempt }) => {
          // Not done before the loss of the snapshot is known.
          while (attempt === 1 && tries < 2 && !Context.current().cancellationSignal.aborted) {
            Context.current().heartbeat();
            await sleep(20);
          }
          return { rows: 10, bytes: 100 };
        },
      });
      assert.equal((await handle.result()).rows, 30);
      assert.equal(tries, 2);
    }
  });

  it('takes no notice of a signal of an attempt that is over', async () => {
    const handle = await start({
      holdSnapshot: async (input) => {
        await tell({ attempt: 7, snapshotId: 'stale', parts: [] });
        await hold(input);
      },
    });
    await handle.result();
    assert.equal(exported.length, 3);
  });

  it('fails with the code of the catalog, which is recorded in the ledger', async () => {
    const handle = await start({
      exportPart: async () => {
        throw ApplicationFailure.create({ type: 'storage-full', message: 'the storage has no room left' });
      },
    });
    const cause = await failureOf(handle.result());
    assert.equal((cause as ApplicationFailure).type, 'storage-full');
    const end = { status: 'failed', code: 'storage-full', message: 'the storage has no room left' };
    assert.deepEqual(ends, [{ backupId: 'b', end }]);
    await recordHistory(client, 'backup-failed', handle.workflowId);
  });

  it('ends cancelled when cancelled', async () => {
    const exporting = Promise.withResolvers<void>();
    const handle = await start({
      exportPart: async () => {
        exporting.resolve();
        while (!over) await sleep(20);
        return { rows: 1, bytes: 1 };
      },
    });
    await exporting.promise;
    await handle.cancel();
    assert.ok((await failureOf(handle.result())) instanceof CancelledFailure);
    assert.deepEqual(ends, [{ backupId: 'b', end: { status: 'cancelled' } }]);
    await recordHistory(client, 'backup-cancelled', handle.workflowId);
  });

  it('is done, not cancelled, when the cancellation comes after the manifest', async () => {
    const completing = Promise.withResolvers<void>();
    const cancelled = Promise.withResolvers<void>();
    const handle = await start({
      completeBackup: async ({ backupId }) => {
        completing.resolve();
        await cancelled.promise;
        over = true;
        return { backupId, rows: 30, bytes: 300 };
      },
      endBackup: async () => ({ status: 'done' }),
    });
    await completing.promise;
    await handle.cancel();
    cancelled.resolve();
    assert.deepEqual(await handle.result(), { backupId: 'b', rows: 30, bytes: 300 });
  });

  it('touches nothing of a backup that has ended', async () => {
    const handle = await start({ beginBackup: async () => ({ status: 'deleted' }) });
    assert.equal(((await failureOf(handle.result())) as ApplicationFailure).type, 'backup-state');
    assert.deepEqual(exported, []);
  });

  it('replays every stored history', async () => {
    const histories = (await recordedHistories()).filter(({ name }) => name.startsWith('backup'));
    assert.ok(histories.length >= 4, `only ${histories.length} histories are stored`);
    assert.deepEqual(await replayFaults({ workflowBundle: bundle }, histories), {});
  });
});
