import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { Client, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { FailBatchesInput } from '../../activities/fail-batches.ts';
import type { BatchActivities } from '../../activities/index.ts';
import { COMMIT_BATCHES, type CommitBatchesInput } from '../../src/batches/contract.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { installRuntime } from '../../src/temporal/worker-runtime.ts';
import { WORKFLOW_QUEUE } from '../support/former-queues.ts';
import { recordHistory } from '../support/histories.ts';
import { testTemporal } from '../support/temporal.ts';
import { unsealedBundle } from '../support/unsealed-bundle.ts';

const COUNTS = { sent: 2, accepted: 1, rejected: 1, discarded: 0 };
installRuntime(createLogger({ level: 'silent', process: 'test' }));

/** The workflow alone, on a real server, with activities that the test decides on. */
describe('commitBatches', async () => {
  const workflowBundle = await unsealedBundle();
  const { address, namespace } = await testTemporal();
  const connection = await NativeConnection.connect({ address });
  const client = new Client({ connection, namespace });
  const failed: FailBatchesInput[] = [];
  let current: BatchActivities;
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue: WORKFLOW_QUEUE,
    workflowBundle,
    activities: {
      commitBatches: (input: CommitBatchesInput) => current.commitBatches(input),
      failBatches: (input: FailBatchesInput) => current.failBatches(input),
    },
  });
  const running = worker.run();
  after(async () => {
    worker.shutdown();
    await running;
    await connection.close();
  });

  function start(activities: Partial<BatchActivities>) {
    failed.length = 0;
    current = {
      commitBatches: async () => COUNTS,
      failBatches: async (input) => {
        failed.push(input);
        return { committed: null };
      },
      ...activities,
    };
    const group = randomUUID();
    const input = { group, table: 'jobs', mode: 'append', batches: 1, payload: { inline: '[]' } } as const;
    return client.workflow.start(COMMIT_BATCHES, {
      workflowId: `batches-${group}`,
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
      requestEagerStart: true,
    });
  }
  const causeOf = (result: Promise<unknown>) =>
    result.then(
      () => assert.fail('the workflow did not fail'),
      (error: unknown) => {
        assert.ok(error instanceof WorkflowFailedError, String(error));
        return error.cause;
      },
    );
  const refusal = ApplicationFailure.nonRetryable('the payload is gone', 'batch-lost');

  it('commits in its first task, which comes with the answer of the start', async () => {
    const handle = await start({});
    assert.equal(handle.eagerlyStarted, true);
    assert.deepEqual(await handle.result(), COUNTS);
    const tasks = (await handle.fetchHistory()).events?.filter(
      (event) => event.workflowTaskCompletedEventAttributes,
    );
    assert.equal(tasks?.length, 1);
    assert.deepEqual(failed, []);
    await recordHistory(client, 'batches-done', handle.workflowId);
  });

  it('tries again what may pass', async () => {
    let tries = 0;
    const handle = await start({
      commitBatches: async () => {
        if (++tries < 4) throw ApplicationFailure.retryable('PostgreSQL is away', 'database-unavailable');
        return COUNTS;
      },
    });
    assert.deepEqual(await handle.result(), COUNTS);
    assert.equal(tries, 4);
    await recordHistory(client, 'batches-retried', handle.workflowId);
  });

  it('records what can not be committed, and fails with the code of the catalog', async () => {
    const handle = await start({ commitBatches: () => Promise.reject(refusal) });
    const cause = await causeOf(handle.result());
    assert.equal((cause as ApplicationFailure).type, 'batch-lost');
    assert.deepEqual(
      failed.map(({ code, message, table }) => [code, message, table]),
      [['batch-lost', 'the payload is gone', 'jobs']],
    );
    await recordHistory(client, 'batches-failed', handle.workflowId);
  });

  it('is done when the ledger has the commit that the failure came after', async () => {
    const handle = await start({
      commitBatches: () => Promise.reject(refusal),
      failBatches: async () => ({ committed: COUNTS }),
    });
    assert.deepEqual(await handle.result(), COUNTS);
    await recordHistory(client, 'batches-failed-late', handle.workflowId);
  });

  it('records that it was cancelled while it waited for PostgreSQL', async () => {
    const tried = Promise.withResolvers<void>();
    const handle = await start({
      commitBatches: () => {
        tried.resolve();
        return Promise.reject(ApplicationFailure.retryable('PostgreSQL is away', 'database-unavailable'));
      },
    });
    await tried.promise;
    await handle.cancel();
    assert.ok((await causeOf(handle.result())) instanceof CancelledFailure);
    assert.deepEqual(
      failed.map(({ code }) => code),
      ['batch-terminated'],
    );
    await recordHistory(client, 'batches-cancelled', handle.workflowId);
  });
});
