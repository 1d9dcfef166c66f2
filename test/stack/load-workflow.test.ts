import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { EndLoadInput } from '../../activities/end-load.ts';
import type { Activities, LedgerActivities } from '../../activities/index.ts';
import { LOAD_CSV, PAUSE, RESUME, TURN } from '../../src/loads/contract.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { installRuntime } from '../../src/temporal/worker-runtime.ts';
import { CHUNKS_A_RUN } from '../../workflows/policies.ts';
import { eventually } from '../support/eventually.ts';
import { ACTIVITY_QUEUE, WORKFLOW_QUEUE } from '../support/former-queues.ts';
import { recordedHistories, recordHistory, replayFaults } from '../support/histories.ts';
import { testTemporal } from '../support/temporal.ts';
import { unsealedBundle } from '../support/unsealed-bundle.ts';

installRuntime(createLogger({ level: 'silent', process: 'test' }));

type LoadActivities = Pick<Activities, 'chartFile' | 'loadChunk' | 'checkLoad' | 'publishLoad'>;
type AllActivities = LoadActivities & LedgerActivities;

/** The workflow alone, on a real server, with activities that the test decides on. */
describe('loadCsv', async () => {
  const bundle = await unsealedBundle();
  const { address, namespace } = await testTemporal();
  const connection = await NativeConnection.connect({ address });
  const client = new Client({ connection: await Connection.connect({ address }), namespace });
  const ends: EndLoadInput[] = [];
  let activities: AllActivities = fakes();

  /** Looked up at each call, so that every test can bring its own. */
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
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
    await connection.close();
    await client.connection.close();
  });

  function fakes(changes: Partial<AllActivities> = {}): AllActivities {
    return {
      takeTurn: async () => ({ state: 'go', charted: true, source: 'uploads/x', paused: false }),
      beginLoad: async () => ({ chunks: 3, bytes: 300, maxRejects: null }),
      endLoad: async (input) => {
        ends.push(input);
        return {
          status: input.end.status,
          next: null,
          read: 30,
          loaded: 30,
          rejected: 0,
          unchanged: 0,
          discarded: 0,
        };
      },
      chartFile: async () => undefined,
      loadChunk: async () => ({ state: 'loaded', bytes: 100, read: 10, rejected: 0 }),
      checkLoad: async () => ({ rejected: 1 }),
      publishLoad: async () => ({
        outcome: 'published',
        read: 30,
        loaded: 30,
        rejected: 0,
        unchanged: 0,
        discarded: 0,
      }),
      ...changes,
    };
  }

  async function start(changes: Partial<AllActivities>, input: { readonly localSteps?: true } = {}) {
    ends.length = 0;
    activities = fakes(changes);
    return client.workflow.start(LOAD_CSV, {
      workflowId: `load-${randomUUID()}`,
      taskQueue: WORKFLOW_QUEUE,
      args: [{ loadId: 1, table: 'hires', mode: 'append', ...input }],
    });
  }

  /** The types of the activities that Temporal was asked for, in their order. */
  async function scheduled(
    handle: Pick<WorkflowHandle, 'fetchHistory'>,
  ): Promise<(string | null | undefined)[]> {
    const { events } = await handle.fetchHistory();
    return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: activity }) =>
      activity ? [activity.activityType?.name] : [],
    );
  }

  async function failureOf(result: Promise<unknown>): Promise<unknown> {
    const error = await result.then(
      () => assert.fail('the workflow did not fail'),
      (e) => e,
    );
    assert.ok(error instanceof WorkflowFailedError, String(error));
    return error.cause;
  }

  it('loads every chunk once, publishes, and says so to the ledger', async () => {
    const chunks: number[] = [];
    const handle = await start({
      loadChunk: async ({ chunkNo }) => {
        chunks.push(chunkNo);
        return { state: 'loaded', bytes: 100, read: 10, rejected: 0 };
      },
    });
    assert.deepEqual(await handle.result(), {
      loadId: 1,
      read: 30,
      loaded: 30,
      rejected: 0,
      unchanged: 0,
      discarded: 0,
    });
    assert.deepEqual(chunks.sort(), [0, 1, 2]);
    assert.deepEqual(ends, [{ loadId: 1, end: { status: 'done' } }]);
    await recordHistory(client, 'load-in-turns', handle.workflowId);
    await recordHistory(client, 'load-done', handle.workflowId);
  });

  it('begins with its short steps on the ledger inside its own tasks', async () => {
    const handle = await start({}, { localSteps: true });
    assert.equal((await handle.result()).read, 30);
    assert.deepEqual(ends, [{ loadId: 1, end: { status: 'done' } }]);
    assert.deepEqual(await scheduled(handle), ['loadChunk', 'loadChunk', 'loadChunk', 'publishLoad']);
    await recordHistory(client, 'load-local-steps', handle.workflowId);
  });

  it('goes on with a short step as an activity when its first try failed of what may pass', async () => {
    const failing = new Set(['takeTurn', 'endLoad']);
    const once = <Name extends keyof LedgerActivities>(name: Name): LedgerActivities[Name] => {
      const step = fakes()[name] as (input: unknown) => Promise<unknown>;
      const failsOnce = async (input: unknown) => {
        if (failing.delete(name)) throw new ApplicationFailure('PostgreSQL is away', 'database-unavailable');
        return step(input);
      };
      return failsOnce as LedgerActivities[Name];
    };
    const handle = await start(
      { takeTurn: once('takeTurn'), endLoad: once('endLoad') },
      { localSteps: true },
    );
    await handle.result();
    assert.deepEqual(ends, [{ loadId: 1, end: { status: 'done' } }]);
    const names = await scheduled(handle);
    assert.deepEqual([names.at(0), names.at(-1)], ['takeTurn', 'endLoad']);
    assert.ok(!names.includes('beginLoad'));
    await recordHistory(client, 'load-local-step-retried', handle.workflowId);
  });

  it('fails at once where a short step is refused, without asking twice', async () => {
    let asked = 0;
    const handle = await start(
      {
        beginLoad: async () => {
          asked++;
          throw ApplicationFailure.nonRetryable('the header has no column id', 'header-mismatch');
        },
      },
      { localSteps: true },
    );
    assert.equal(((await failureOf(handle.result())) as ApplicationFailure).type, 'header-mismatch');
    assert.equal(asked, 1);
    const end = { status: 'failed', code: 'header-mismatch', message: 'the header has no column id' };
    assert.deepEqual(ends, [{ loadId: 1, end }]);
  });

  it('surveys a file that came without a survey', async () => {
    let surveyed = 0;
    const handle = await start({
      takeTurn: async () => ({ state: 'go', charted: false, source: 'inbox/x.csv', paused: false }),
      chartFile: async () => {
        surveyed++;
      },
    });
    await handle.result();
    assert.equal(surveyed, 1);
    await recordHistory(client, 'load-charted-by-activity', handle.workflowId);
  });

  it('continues as new between chunks, and loads each of them exactly once', async () => {
    const chunks = CHUNKS_A_RUN * 2 + 7;
    const seen: number[] = [];
    const handle = await start({
      beginLoad: async () => ({ chunks, bytes: chunks * 100, maxRejects: null }),
      loadChunk: async ({ chunkNo }) => {
        seen.push(chunkNo);
        return { state: 'loaded', bytes: 100, read: 10, rejected: 0 };
      },
    });
    await handle.result();
    assert.equal(seen.length, chunks);
    assert.equal(new Set(seen).size, chunks);
    const history = await client.workflow
      .getHandle(handle.workflowId, handle.firstExecutionRunId)
      .fetchHistory();
    assert.ok(history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes);
  });

  it('waits for its turn, and is woken by the load before it', async () => {
    let asked = 0;
    const handle = await start({
      takeTurn: async () => {
        asked++;
        if (asked === 1) return { state: 'wait', behind: 7 };
        return { state: 'go', charted: true, source: 'uploads/x', paused: false };
      },
    });
    while (asked < 1) await sleep(20);
    await sleep(200);
    assert.equal(asked, 1);
    await handle.signal(TURN);
    await handle.result();
    assert.equal(asked, 2);
    await recordHistory(client, 'load-queued', handle.workflowId);
  });

  it('signals the next load in the queue that its turn has come', async () => {
    let turns = 0;
    const waiting = await start({
      takeTurn: async () => {
        turns++;
        if (turns === 1) return { state: 'wait', behind: 1 };
        return { state: 'go', charted: true, source: 'uploads/x', paused: false };
      },
    });
    while (turns < 1) await sleep(20);
    const before = activities;
    const first = await client.workflow.start(LOAD_CSV, {
      workflowId: `load-${randomUUID()}`,
      taskQueue: WORKFLOW_QUEUE,
      args: [{ loadId: 2, table: 'hires', mode: 'append' }],
    });
    activities = {
      ...before,
      endLoad: async (input) => ({
        ...(await before.endLoad(input)),
        next: input.loadId === 2 ? waiting.workflowId : null,
      }),
    };
    await first.result();
    await waiting.result();
    assert.equal(turns, 3);
  });

  it('gives out no chunk while paused, and gives one back that found the load paused', async () => {
    const seen: number[] = [];
    let refuse = true;
    const handle = await start({
      loadChunk: async ({ chunkNo }) => {
        seen.push(chunkNo);
        return refuse ? { state: 'paused' } : { state: 'loaded', bytes: 100, read: 10, rejected: 0 };
      },
    });
    await handle.signal(PAUSE);
    // The workflow knows of it, and of every chunk that was given back.
    await eventually(async () => {
      const { raw } = await handle.describe();
      return (raw.pendingActivities ?? []).length === 0 && !raw.pendingWorkflowTask;
    }, true);
    const whilePaused = seen.length;
    await sleep(1_500);
    assert.equal(seen.length, whilePaused);
    refuse = false;
    await handle.signal(RESUME);
    await handle.result();
    assert.deepEqual([...new Set(seen)].sort(), [0, 1, 2]);
    await recordHistory(client, 'load-paused', handle.workflowId);
  });

  it('checks keys when publishing finds them violated, and publishes again', async () => {
    let published = 0;
    let checked = 0;
    const handle = await start({
      publishLoad: async () => {
        published++;
        if (published === 1) return { outcome: 'violated' };
        return { outcome: 'published', read: 30, loaded: 29, rejected: 1, unchanged: 0, discarded: 0 };
      },
      checkLoad: async () => {
        checked++;
        return { rejected: 1 };
      },
    });
    await handle.result();
    assert.deepEqual([published, checked], [2, 1]);
    await recordHistory(client, 'load-checked', handle.workflowId);
  });

  it('fails with the code of the catalog, and writes it into the ledger', async () => {
    const handle = await start({
      publishLoad: async () => {
        throw ApplicationFailure.nonRetryable('5 of 6 rows were rejected', 'too-many-rejects');
      },
    });
    const cause = await failureOf(handle.result());
    assert.ok(cause instanceof ApplicationFailure);
    assert.equal(cause.type, 'too-many-rejects');
    const end = { status: 'failed', code: 'too-many-rejects', message: '5 of 6 rows were rejected' };
    assert.deepEqual(ends, [{ loadId: 1, end }]);
    await recordHistory(client, 'load-failed', handle.workflowId);
  });

  it('stops as soon as a count of rejects is exceeded', async () => {
    const handle = await start({
      beginLoad: async () => ({ chunks: 1000, bytes: 1000, maxRejects: { kind: 'count', value: 4 } }),
      loadChunk: async () => ({ state: 'loaded', bytes: 1, read: 10, rejected: 1 }),
      publishLoad: async () => assert.fail('published'),
    });
    const cause = await failureOf(handle.result());
    assert.equal((cause as ApplicationFailure).type, 'too-many-rejects');
  });

  it('cancels the chunks under way when one fails, and requests no further one', async () => {
    const seen = new Set<number>();
    const ended = Promise.withResolvers<void>();
    const handle = await start({
      beginLoad: async () => ({ chunks: 20, bytes: 2_000, maxRejects: { kind: 'count', value: 4 } }),
      loadChunk: async ({ chunkNo }) => {
        seen.add(chunkNo);
        if (chunkNo === 0) {
          await eventually(async () => seen.size, 20);
          return { state: 'loaded', bytes: 100, read: 10, rejected: 10 };
        }
        await ended.promise;
        return { state: 'loaded', bytes: 100, read: 10, rejected: 0 };
      },
      publishLoad: async () => assert.fail('published'),
    });
    const cause = await failureOf(handle.result());
    ended.resolve();
    assert.equal((cause as ApplicationFailure).type, 'too-many-rejects');
    const { events } = await handle.fetchHistory();
    const cancelled = events?.filter((event) => event.activityTaskCancelRequestedEventAttributes);
    assert.equal(cancelled?.length, 19);
    await recordHistory(client, 'load-chunks-cancelled', handle.workflowId);
  });

  it('ends cancelled when cancelled, also while it waits', async () => {
    const asked = Promise.withResolvers<void>();
    const handle = await start({
      takeTurn: async () => {
        asked.resolve();
        return { state: 'wait', behind: 7 };
      },
    });
    await asked.promise;
    await handle.cancel();
    assert.ok((await failureOf(handle.result())) instanceof CancelledFailure);
    assert.deepEqual(ends, [{ loadId: 1, end: { status: 'cancelled' } }]);
    await recordHistory(client, 'load-cancelled', handle.workflowId);
  });

  it('is done, not cancelled, when the cancellation comes after the commit', async () => {
    const publishing = Promise.withResolvers<void>();
    const cancelled = Promise.withResolvers<void>();
    const handle = await start({
      publishLoad: async () => {
        publishing.resolve();
        await cancelled.promise;
        return { outcome: 'published', read: 30, loaded: 30, rejected: 0, unchanged: 0, discarded: 0 };
      },
      endLoad: async () => ({
        status: 'done',
        next: null,
        read: 30,
        loaded: 30,
        rejected: 0,
        unchanged: 0,
        discarded: 0,
      }),
    });
    await publishing.promise;
    await handle.cancel();
    cancelled.resolve();
    assert.deepEqual(await handle.result(), {
      loadId: 1,
      read: 30,
      loaded: 30,
      rejected: 0,
      unchanged: 0,
      discarded: 0,
    });
  });

  it('replays every stored history', async () => {
    // Those that are sealed need their key: sealed-histories.test.ts replays them.
    const histories = (await recordedHistories()).filter(({ name }) => !name.startsWith('sealed-'));
    assert.ok(histories.length >= 7, `only ${histories.length} histories are stored`);
    assert.deepEqual(await replayFaults({ workflowBundle: bundle }, histories), {});
  });
});
