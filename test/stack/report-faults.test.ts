import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, ScheduleNotFoundError } from '@temporalio/client';
import pino from 'pino';
import { refreshView } from '../../src/reports/refresh-view.ts';
import { createRefresher } from '../../src/reports/refresher.ts';
import type { ReportState } from '../../src/reports/report.ts';
import { reportState } from '../../src/reports/report-states.ts';
import { SignalLimit } from '../../src/reports/signal-limit.ts';
import { openScheduleBook } from '../../src/schedules/open-schedule-book.ts';
import { ensureReportSchedules } from '../../src/schedules/report-schedules.ts';
import { until } from '../support/eventually.ts';
import { recordedHistories, recordHistory, replayFaults } from '../support/histories.ts';
import { testHome } from '../support/home.ts';
import { reportFile, startReports, writeReports } from '../support/reports.ts';
import { TEST_SEALED } from '../support/sealed.ts';
import { testStack } from '../support/stack.ts';
import { unsealedBundle } from '../support/unsealed-bundle.ts';

const log = pino({ level: 'silent' });
const here = new AbortController().signal;

describe('reports when something goes wrong', async () => {
  const folder = await writeReports(await testHome({ after }), {
    ratio: reportFile('select id, 100 / (id - 13) as ratio from jobs'),
    // Long enough for something to happen in the middle of it.
    slow: reportFile(
      'select id, pg_sleep(case when id = 77 then 3 else 0 end)::text as slept from departments',
      {
        tables: 'departments',
      },
    ),
  });
  const stack = await testStack({ after }, undefined, {
    env: { LONGSHORE_REPORTS: folder, LONGSHORE_REFRESH_SECONDS: '1' },
  });
  const { db, installation, inTemporal } = stack;
  const connection = await Connection.connect({ address: stack.temporal.address });
  after(() => connection.close());
  const client = new Client({ connection, namespace: stack.temporal.namespace, ...TEST_SEALED });
  const stateThat = (name: string, satisfies: (state: ReportState) => boolean) =>
    until(() => reportState(db, name), satisfies);
  const ids = async (name: string) =>
    (await db.query<{ id: string }>(`select id from longshore_report."${name}" order by id`)).map(({ id }) =>
      Number(id),
    );
  const refreshing = () =>
    db.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = current_database() and query like 'refresh materialized view%'
          and state = 'active'`,
    );

  it('keeps its rows when they can not be refreshed, reports why and since when, and recovers by itself', async () => {
    await stack.load('jobs', '1,One\n');
    await stateThat('ratio', ({ stale }) => !stale);
    await stack.load('jobs', '13,Thirteen\n');
    const failed = await stateThat('ratio', ({ failure }) => failure !== null);
    assert.equal(failed.failure?.code, 'refresh-failed');
    assert.match(failed.failure?.message ?? '', /report ratio: .*division by zero \(SQLSTATE 22012\)/);
    assert.deepEqual([failed.stale, await ids('ratio')], [true, [1]]);
    await sleep(1500);
    const later = await reportState(db, 'ratio');
    assert.equal(later.failure?.since, failed.failure?.since, 'since the first failure');
    await db.query('update jobs set id = 14 where id = 13');
    const healed = await stateThat('ratio', ({ failure }) => failure === null);
    assert.deepEqual([healed.stale, healed.failure, await ids('ratio')], [false, null, [1, 14]]);
    await recordHistory(client, 'refresh-report-failed', inTemporal('refresh-ratio'));
  });

  it('is refreshed again after PostgreSQL ended the refresh, and readers see the old rows until then', async () => {
    await stack.load('departments', '1,One\n');
    await stateThat('slow', ({ stale }) => !stale);
    await stack.load('departments', '77,Slow\n');
    const [backend] = await until(refreshing, (found) => found.length > 0);
    assert.deepEqual(await ids('slow'), [1]);
    await db.query('select pg_terminate_backend($1)', [backend?.pid]);
    const state = await stateThat('slow', ({ stale }) => !stale);
    assert.deepEqual([state.stale, state.failure, await ids('slow')], [false, null, [1, 77]]);
  });

  it('never refreshes one view twice at the same time', async () => {
    await stateThat('slow', ({ stale }) => !stale);
    const first = refreshView(db, 'slow', { force: true, signal: here });
    await until(refreshing, (found) => found.length > 0);
    await assert.rejects(
      refreshView(db, 'slow', { force: true, signal: here }),
      /another refresh of it is under way/,
    );
    const version = await first;
    const state = await reportState(db, 'slow');
    assert.deepEqual([state.version, state.failure], [version, null]);
  });

  it('a load that swaps a table during a refresh waits for it, and its rows come with the next', async () => {
    await until(refreshing, (found) => found.length === 0);
    const refreshed = refreshView(db, 'slow', { force: true, signal: here });
    await until(refreshing, (found) => found.length > 0);
    const { body } = await stack.load('departments', '5,Five\n6,Six\n', { mode: 'replace' });
    assert.equal(body.status, 'done');
    await refreshed;
    await stateThat('slow', ({ stale }) => !stale);
    assert.deepEqual(await ids('slow'), [5, 6]);
  });

  it('counts a group that commits after one that began later', async () => {
    const start = (await reportState(db, 'ratio')).version;
    const early = await db.connect();
    await early.query('begin');
    const insert = (n: string) =>
      `insert into longshore.batch_group (workflow_id, table_name, mode) values ('g${n}', 'jobs', 'append')`;
    await early.query(insert('early'));
    await db.query(insert('late'));
    await refreshView(db, 'ratio', { force: true, signal: here });
    assert.equal((await reportState(db, 'ratio')).stale, false);
    await early.query('commit');
    await early.end();
    const state = await reportState(db, 'ratio');
    assert(state.stale || state.version > start + 1, 'the early group is missed');
    await stateThat('ratio', ({ stale }) => !stale);
  });

  it('skips a refresh that has nothing new, unless it is forced to', async () => {
    const { version } = await stateThat('ratio', ({ stale }) => !stale);
    assert.equal(await refreshView(db, 'ratio', { force: false, signal: here }), version);
    assert.equal(await refreshView(db, 'ratio', { force: true, signal: here }), version + 1);
    assert.equal(await refreshView(db, 'gone', { force: true, signal: here }), null);
  });

  it('requests at most one refresh a second of each report, and the last one too', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let sent = 0;
    const limit = new SignalLimit(1000, () => sent++);
    for (let n = 0; n < 5; n++) limit.call();
    assert.equal(sent, 1);
    t.mock.timers.tick(1000);
    assert.equal(sent, 2);
    t.mock.timers.tick(1000);
    assert.equal(sent, 2);
    limit.call();
    limit.call();
    limit.stop();
    t.mock.timers.tick(1000);
    assert.equal(sent, 3);
  });

  it('writes on when Temporal is away', async () => {
    const away = {
      workflow: { signalWithStart: () => Promise.reject(new Error('away')) },
    } as unknown as Client;
    const reports = [{ name: 'ratio', title: 'Ratio', tables: ['jobs'] }];
    const refresher = createRefresher({ client: away, installation, db, reports, everyMs: 1000, log });
    refresher.written('jobs');
    refresher.written('departments');
    await sleep(20);
    refresher.stop();
    await assert.rejects(refresher.refresh('ratio', 0, here), /away/);
  });

  it('changes and removes schedules with their reports, and leaves a pause', async () => {
    const reports = [{ name: 'ratio', refreshSeconds: 60 }];
    const book = openScheduleBook({ client, db, installation, log });
    const handle = client.schedule.getHandle(inTemporal('report-ratio'));
    await handle.pause('by hand');
    await Promise.all([
      ensureReportSchedules({ book, installation }, reports),
      ensureReportSchedules({ book, installation }, reports),
    ]);
    const { spec, state } = await handle.describe();
    assert.deepEqual([spec.intervals?.[0]?.every, state.paused, state.note], [60_000, true, 'by hand']);
    await until(
      () =>
        ensureReportSchedules({ book, installation }, reports).then(() => exists(inTemporal('report-slow'))),
      (found) => !found,
    );
    assert.deepEqual(
      [await exists(inTemporal('report-slow')), await exists(inTemporal('report-ratio'))],
      [false, true],
    );
  });

  const exists = (id: string) =>
    client.schedule
      .getHandle(id)
      .describe()
      .then(
        () => true,
        (error) => {
          if (error instanceof ScheduleNotFoundError) return false;
          throw error;
        },
      );

  it('ends the workflow of a report that was removed', async () => {
    await startReports(stack.databaseUrl, await writeReports(await testHome({ after }), {}));
    const handle = await client.workflow.signalWithStart('refreshReport', {
      workflowId: 'refresh-slow',
      taskQueue: installation.queue,
      args: [{ name: 'slow', everyMs: 1000 }],
      signal: 'written',
    });
    assert.deepEqual(await handle.result(), { version: null });
  });

  it('workflows replay what was recorded', async () => {
    const histories = (await recordedHistories()).filter(({ name }) => name.startsWith('refresh-'));
    assert.deepEqual(
      histories.map(({ name }) => name),
      ['refresh-on-schedule.json', 'refresh-report-failed.json', 'refresh-report.json'],
    );
    assert.deepEqual(await replayFaults({ workflowBundle: await unsealedBundle() }, histories), {});
  });
});
