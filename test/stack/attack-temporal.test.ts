import assert from 'node:assert/strict';
import { randomBytes, randomUUID, randomUUIDv7 } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Payload } from '@temporalio/common';
import { startWorker } from '../../activities/start-worker.ts';
import { startApi } from '../../api/start-api.ts';
import { activityQueue, processQueue } from '../../src/installation/names.ts';
import { PAUSE } from '../../src/loads/contract.ts';
import type { LoadView } from '../../src/loads/load-view.ts';
import type { ChildService } from '../../src/runtime/child.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { eventually, until } from '../support/eventually.ts';
import { type TestStack, testStack } from '../support/stack.ts';
import { type Stranger, stranger } from '../support/stranger.ts';

/** Somebody who reaches the Temporal server, with its own command line or with a worker, and has no key. */
describe('a stranger at the Temporal server', async () => {
  const cleanups: (() => unknown)[] = [];
  const t = { after: (action: () => Promise<unknown>) => void cleanups.unshift(action) };
  let stack: TestStack;
  let foreign: Stranger;
  let [workflows, activities] = ['', ''];
  let worker: ChildService | undefined;
  before(async () => {
    // The worker comes later, when a test has had its turn at the queue.
    stack = await testStack(t, undefined, { worker: false });
    workflows = stack.installation.queue;
    activities = activityQueue(workflows);
    foreign = await stranger(t, stack.temporal);
  });
  after(async () => {
    await worker?.stop();
    for (const cleanup of cleanups) await cleanup();
  });

  const count = async (from: string) =>
    (await stack.db.query<{ n: number }>(`select count(*)::int as n from ${from}`))[0]!.n;

  async function assertRefused(workflowId: string) {
    const failure = await foreign.failureOf(workflowId);
    const { type, nonRetryable } = failure?.applicationFailureInfo ?? {};
    assert.deepEqual([type, nonRetryable], ['payload-refused', true], JSON.stringify(failure));
    const events = await foreign.history(workflowId);
    assert.ok(events.length <= 5, `refused at once: ${events.length} events`);
  }

  async function startLoad(csv: string): Promise<LoadView> {
    const headers = { 'x-api-key': stack.key, 'content-type': 'text/csv' };
    const response = await fetch(`${stack.url}/v1/tables/departments/loads`, {
      method: 'POST',
      headers,
      body: csv,
    });
    return (await response.json()) as LoadView;
  }

  it('signals a load, and answers its activities: it goes on until a worker of ours has done them', async () => {
    const load = await startLoad('1,Own\n2,Own too\n');
    await foreign.signal(load.workflowId, PAUSE);
    await foreign.signal(load.workflowId, PAUSE, [foreign.payload({})]);
    const forged = foreign.payload({ state: 'loaded', bytes: 15, read: 2, rejected: 0 });
    const failure = {
      message: 'the storage is full',
      applicationFailureInfo: { type: 'file-not-found', nonRetryable: true },
    };
    const answers = [
      () => ({ result: [forged] }),
      () => ({ result: null }),
      () => ({ failure }),
      // What it was asked, and what it was asked with another word.
      (input: readonly Payload[]) => ({ result: input }),
      ([input]: readonly Payload[]) => ({ result: [{ ...input, data: Buffer.from('{"state":"loaded"}') }] }),
    ];
    for (const answer of answers) {
      assert.equal(await foreign.answerActivity(activities, answer), 'loadChunk');
    }
    worker = await startWorker({
      config: stack.config,
      log: createLogger({ level: 'silent', process: 'test' }),
      name: 'late',
    });
    await eventually(async () => (await stack.get(`/v1/loads/${load.id}`)).body.status, 'done');
    assert.deepEqual(
      (await stack.rows('departments')).map(({ department }) => department),
      ['Own', 'Own too'],
    );
    const asked = (await foreign.history(load.workflowId)).filter(
      ({ activityTaskScheduledEventAttributes: event }) => event?.activityType?.name === 'loadChunk',
    );
    assert.equal(asked.length, answers.length + 1);
  });

  it('polls our queues under made-up and copied names: a worker starts beside it all the same', async () => {
    const shown = processQueue(workflows);
    const [stamp = ''] = await until(
      () => foreign.pollers(shown),
      (found) => found.length > 0,
    );
    const [process, name, token, at, mac = ''] = stamp.split(' ');
    const later = Number(at) + 3_600_000;
    const unknown = randomBytes(16).toString('hex');
    const names = [
      'a stranger',
      stamp,
      `1@elsewhere worker-1 ${unknown}`,
      // The proof of another one, none, and one of the right form.
      `${process} ${name} ${token} ${later} ${mac}`,
      `${process} ${name} ${unknown} ${later} ${mac}`,
      `${process} ${name} ${token} ${later}`,
      `${process} ${name} ${unknown} ${later} ${randomBytes(32).toString('hex')}`,
    ];
    // In a queue where nothing is to do: elsewhere it would take the tasks of the other tests away.
    for (const identity of names) foreign.poll(shown, identity);
    for (const identity of names) {
      await until(
        () => foreign.pollers(shown),
        (found) => found.includes(identity),
      );
    }
    const lines: string[] = [];
    const log = createLogger({ level: 'info', process: 'test' }, { write: (line) => void lines.push(line) });
    const another = await startWorker({ config: stack.config, log, name: 'beside' });
    // `a stranger` has taken tasks in the test before.
    const told = await until(
      async () => lines.find((line) => line.includes('takes tasks')),
      (line) => line !== undefined,
    );
    await another.stop();
    assert.match(told ?? '', /"level":"warn".*a stranger/);
    assert.ok(!lines.some((line) => line.includes('Waiting to see')), lines.join(''));
  });

  it('starts a group of batches: no row is written, and no batch is reported', async () => {
    const group = randomUUIDv7();
    const batch = {
      id: `${group}-0`,
      format: 'json',
      strict: false,
      body: '[{"id":66,"department":"Forged"}]',
    };
    const received = {
      ...batch,
      sentBy: 'operator',
      receivedAt: new Date().toISOString(),
      idempotency: null,
    };
    const input = { group, table: 'departments', mode: 'append', batches: 1 };
    const workflowId = `batches-${group}`;
    await foreign.start({
      workflowType: 'commitBatches',
      workflowId,
      taskQueue: workflows,
      input: [foreign.payload({ ...input, payload: { inline: JSON.stringify([received]) } })],
      memo: {
        batches: foreign.payload(1),
        mode: foreign.payload('append'),
        strict: foreign.payload([]),
      },
    });
    await assertRefused(workflowId);
    assert.equal(await count(`departments where department = 'Forged'`), 0);
    assert.equal(await count('longshore.batch_group'), 0);
    assert.equal((await stack.get(`/v1/batches/${group}-0`)).status, 404);
  });

  it('starts a run of a schedule, a load, or what does not exist: nothing happens', async () => {
    const schedule = { scheduleId: 'x', kind: 'backup', timezone: 'UTC', tables: null, codec: null };
    const retention = { ...schedule, encrypt: false, retention: { keepLast: 1 }, drill: false };
    for (const [workflowType, input] of [
      ['runSchedule', [foreign.payload(retention)]],
      ['loadCsv', [foreign.payload({ loadId: 1, table: 'departments', mode: 'replace' })]],
      ['restore', [foreign.payload({ restoreId: 1 })]],
      ['commitBatches', []],
      ['noSuchWorkflow', [foreign.payload({})]],
    ] as const) {
      const workflowId = `forged-${randomUUID()}`;
      await foreign.start({ workflowType, workflowId, taskQueue: workflows, input });
      await assertRefused(workflowId);
    }
    assert.equal(await count('longshore.backup'), 0);
    assert.equal(await count('longshore.restore'), 0);
  });

  it('makes schedules, in place of ours too, and memos that are no JSON: ours are listed, and an API starts', async () => {
    const nightly = { id: 'nightly', kind: 'backup', cron: '0 3 * * *', note: 'of ours' };
    assert.equal((await stack.post('/v1/schedules', nightly)).status, 201);
    const action = (input: object) => ({
      type: 'startWorkflow' as const,
      workflowType: 'runSchedule',
      workflowId: 'forged',
      taskQueue: workflows,
      args: [input],
    });
    const evil = { kind: 'backup', timezone: 'UTC', tables: null, codec: null, encrypt: false };
    const { schedule } = foreign.client;
    await schedule.getHandle(stack.inTemporal('schedule-nightly')).delete();
    for (const id of ['nightly', 'evil']) {
      await schedule.create({
        scheduleId: stack.inTemporal(`schedule-${id}`),
        spec: { cronExpressions: ['0 0 1 1 *'] },
        action: action({ ...evil, scheduleId: id, retention: { keepLast: 1 }, drill: false }),
        memo: { of: 'a stranger' },
      });
    }
    const broken = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('{') };
    await foreign.start({
      workflowType: 'loadCsv',
      workflowId: 'waits',
      taskQueue: 'nobody',
      memo: { broken },
    });
    // Lists of Temporal are a little behind.
    await until(
      async () => {
        const listed: string[] = [];
        for await (const { scheduleId } of schedule.list()) listed.push(scheduleId);
        return listed;
      },
      (listed) => listed.includes(stack.inTemporal('schedule-evil')),
    );
    const listed = async () => {
      const { status, body } = await stack.get('/v1/schedules');
      const { schedules } = body as unknown as { schedules: { id: string; cron: string; note: string }[] };
      return [status, schedules?.map(({ id, cron, note }) => [id, cron, note])];
    };
    assert.deepEqual(await listed(), [200, [['nightly', '0 3 * * *', 'of ours']]]);
    const another = await startApi({
      config: stack.config,
      log: createLogger({ level: 'silent', process: 'test' }),
    });
    await another.stop();
    assert.deepEqual(await listed(), [200, [['nightly', '0 3 * * *', 'of ours']]]);
    assert.equal((await stack.get('/v1/schedules/evil')).status, 404);
  });

  it('calls an activity from a workflow of its own: it is refused for good', async () => {
    const loadId = await count('longshore.load');
    for (const [taskQueue, activityType] of [
      [activities, 'publishLoad'],
      [activities, 'chartFile'],
      [workflows, 'endLoad'],
      [workflows, 'applyRetention'],
      [workflows, 'commitBatches'],
    ] as const) {
      const failure = await foreign.callActivity(`foreign-${randomUUID()}`, {
        activityType,
        activityId: '1',
        taskQueue,
        input: [foreign.payload({ loadId, end: { status: 'failed' } })],
      });
      const { type, nonRetryable } = failure?.applicationFailureInfo ?? {};
      assert.deepEqual([type, nonRetryable], ['payload-refused', true], activityType);
    }
  });

  it('takes what was sealed for one workflow, activity or purpose to another: it is refused', async () => {
    const load = await startLoad('3,Third\n');
    assert.equal(await foreign.failureOf(load.workflowId), null);
    const events = await foreign.history(load.workflowId);
    const started = events[0]?.workflowExecutionStartedEventAttributes?.input?.payloads as Payload[];
    const ended = events.at(-1)?.workflowExecutionCompletedEventAttributes?.result?.payloads as Payload[];
    const [taken] = events.flatMap((event) => event.activityTaskScheduledEventAttributes ?? []);
    assert.equal(taken?.activityType?.name, 'loadChunk');
    const input = taken.input?.payloads as Payload[];
    // Another workflow; the same one, but with its own answer as input.
    for (const [workflowId, payloads] of [
      [`load-${randomUUID()}`, started],
      [load.workflowId, ended],
    ] as const) {
      await foreign.start({
        workflowType: 'loadCsv',
        workflowId,
        taskQueue: workflows,
        input: payloads,
      });
      await assertRefused(workflowId);
    }
    // Another workflow's activity; another activity of a workflow with the same ID.
    for (const [workflowId, activityType, taskQueue] of [
      [`foreign-${randomUUID()}`, 'loadChunk', activities],
      [load.workflowId, 'publishLoad', activities],
      [load.workflowId, 'takeTurn', workflows],
    ] as const) {
      const activityId = taken.activityId ?? '';
      const failure = await foreign.callActivity(workflowId, { activityType, activityId, taskQueue, input });
      assert.equal(failure?.applicationFailureInfo?.type, 'payload-refused');
    }
  });
});
