import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { REFRESH_REPORT } from '../../src/reports/contract.ts';
import { reportState } from '../../src/reports/report-states.ts';
import { challengeFiles } from '../support/challenge.ts';
import { until } from '../support/eventually.ts';
import { recordHistory } from '../support/histories.ts';
import { TEST_SEALED } from '../support/sealed.ts';
import { testStack } from '../support/stack.ts';

const REPORTS = ['hires-by-quarter', 'departments-above-mean'];
const REFRESH_SECONDS = 2;

describe('reports over a running platform', async () => {
  const stack = await testStack({ after }, undefined, {
    env: { LONGSHORE_REFRESH_SECONDS: String(REFRESH_SECONDS) },
  });
  const { db, load } = stack;
  const connection = await Connection.connect({ address: stack.temporal.address });
  after(() => connection.close());
  const client = new Client({ connection, namespace: stack.temporal.namespace, ...TEST_SEALED });

  const fresh = (name: string) =>
    until(
      () => reportState(db, name),
      ({ stale }) => !stale,
    );
  const hires = async (year: number) =>
    (
      await db.query<{ n: string }>(
        'select coalesce(sum("Q1" + "Q2" + "Q3" + "Q4"), 0) as n from longshore_report."hires-by-quarter" where year = $1',
        [year],
      )
    )[0]?.n;

  const wayOf = async (id: number) =>
    (await db.query<{ way: string }>('select published_by as way from longshore.load where id = $1', [id]))[0]
      ?.way;

  it('has a schedule for each', async () => {
    const { spec, action, policies } = await client.schedule
      .getHandle(stack.inTemporal('report-hires-by-quarter'))
      .describe();
    assert.equal(spec.intervals?.[0]?.every, 900_000);
    assert.equal(policies.overlap, 'SKIP');
    assert.equal(action.workflowType, 'refreshOnSchedule');
  });

  it('shows the numbers of the real files soon after their loads, which still go by swap', async () => {
    for (const [table, file] of Object.entries(await challengeFiles())) {
      const { body } = await load(table, file, { mode: 'replace' });
      assert.equal(await wayOf(body.id), 'swap');
    }
    const states = await Promise.all(REPORTS.map(fresh));
    assert.deepEqual(
      states.map(({ stale, failure }) => [stale, failure]),
      [
        [false, null],
        [false, null],
      ],
    );
    const [last] = await db.query<{ id: number }>('select max(id) as id from longshore.load');
    assert.deepEqual(
      states.map(({ includes }) => includes.load),
      [last?.id, last?.id],
    );
    assert.equal(await hires(2021), '1643');
    assert.equal(await hires(1999), '0');
    assert.deepEqual(
      await db.query(
        'select department, hired::int from longshore_report."departments-above-mean" where year = 2021 order by hired desc',
      ),
      [
        { department: 'Support', hired: 216 },
        { department: 'Engineering', hired: 205 },
        { department: 'Human Resources', hired: 201 },
        { department: 'Services', hired: 200 },
        { department: 'Business Development', hired: 185 },
        { department: 'Research and Development', hired: 148 },
        { department: 'Marketing', hired: 142 },
      ],
    );
  });

  it('keeps its views through a swap of a table full of rows', async () => {
    const oids = () =>
      db.query(
        `select oid::int from pg_class where relnamespace = 'longshore_report'::regnamespace and relkind = 'm' order by 1`,
      );
    const before = await oids();
    await load('departments', '1,One\n', { mode: 'merge' });
    await load('jobs', '1,Job\n', { mode: 'merge' });
    const { body } = await load('hired_employees', '9000001,Ann,2031-11-07T02:48:42Z,1,1\n', {
      mode: 'replace',
    });
    assert.equal(await wayOf(body.id), 'swap');
    await fresh('hires-by-quarter');
    assert.deepEqual(await oids(), before);
    assert.deepEqual([await hires(2031), await hires(2021)], ['1', '0']);
  });

  it('follows a stream of batches, but not more often than every LONGSHORE_REFRESH_SECONDS', async () => {
    const before = await reportState(db, 'hires-by-quarter');
    const startedAt = Date.now();
    let sent = 0;
    let widest = 0;
    const refreshes = async () => (await reportState(db, 'hires-by-quarter')).version - before.version;
    while ((await refreshes()) < 3 || widest >= sent) {
      const id = 9_100_000 + sent;
      const row = { id, name: 'B', datetime: '2032-01-01T00:00:00Z', department_id: 1, job_id: 1 };
      const { status } = await stack.post('/v1/tables/hired_employees/rows', [row]);
      assert.equal(status, 201);
      sent++;
      widest = Math.max(widest, sent - Number(await hires(2032)));
    }
    const many = await refreshes();
    const most = Math.ceil((Date.now() - startedAt) / (REFRESH_SECONDS * 1000)) + 1;
    assert(many <= most, `${many} refreshes of ${most} at most`);
    const seen = await until(
      () => hires(2032),
      (n) => n === String(sent),
    );
    assert.equal(seen, String(sent));
    const { includes } = await fresh('hires-by-quarter');
    const [last] = await db.query<{ id: string }>('select max(id)::text as id from longshore.batch_group');
    assert.equal(includes.group, Number(last?.id));
    await recordHistory(client, 'refresh-report', stack.inTemporal('refresh-hires-by-quarter'));
  });

  it('refreshes on demand, what others wrote too, and records who requested it', async () => {
    const [first] = await db.query('select max(id) as id from hired_employees');
    await db.query('delete from hired_employees where id <> $1', [first?.id]);
    const { status, body } = await stack.post('/v1/reports/hires-by-quarter/refresh', undefined, {
      prefer: 'wait=20',
    });
    assert.deepEqual(
      [status, body.status, body.workflowId],
      [200, 'done', stack.inTemporal('refresh-hires-by-quarter')],
    );
    assert.equal(await hires(2032), '1');
    const asked = await stack.post('/v1/reports/hires-by-quarter/refresh');
    assert.deepEqual([asked.status, asked.body.status], [202, 'running']);
    assert.equal((await stack.post('/v1/reports/none/refresh')).status, 404);
    const found = await until(
      () => db.query(`select target from longshore.audit where action = 'report.refresh' and status = 200`),
      (rows) => rows.length > 0,
    );
    assert.deepEqual(found, [{ target: 'hires-by-quarter' }]);
  });

  it('notices by its schedule what others wrote, and nothing when nobody did', async () => {
    await until(
      () => client.workflow.count(`WorkflowType = '${REFRESH_REPORT}' and ExecutionStatus = 'Running'`),
      ({ count }) => count === 0,
    );
    const handle = client.schedule.getHandle(stack.inTemporal('report-hires-by-quarter'));
    await db.query(`update hired_employees set datetime = '2033-01-01T00:00:00Z'`);
    // PostgreSQL counts a change a moment after it.
    const seen = await until(
      async () => {
        await handle.trigger();
        await new Promise((resolve) => setTimeout(resolve, 1000));
        return hires(2033);
      },
      (n) => n === '1',
    );
    assert.equal(seen, '1');
    const { info } = await handle.describe();
    const run = info.recentActions.at(-1)!.action.workflow;
    await recordHistory(client, 'refresh-on-schedule', run.workflowId);
  });

  it('finds changes of which nobody notified it', async () => {
    // As a process leaves it that died between its commit and its signal.
    await db.query(`insert into longshore.load (table_name, mode, status, workflow_id, source_kind, source_name, source_key, definition,
        dictionary_version, started_by, finished_at)
      values ('jobs', 'append', 'done', 'lost', 'upload', 'x', 'x', '{}', '1', 'test', now())`);
    assert.equal((await reportState(db, 'hires-by-quarter')).stale, true);
    const state = await until(
      () => reportState(db, 'hires-by-quarter'),
      ({ stale }) => !stale,
    );
    assert.equal(state.stale, false);
  });
});
