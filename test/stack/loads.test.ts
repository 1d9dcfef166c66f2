import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { challengeFiles } from '../support/challenge.ts';
import { eventually } from '../support/eventually.ts';
import { TEST_SEALED } from '../support/sealed.ts';
import { testStack } from '../support/stack.ts';

const DEPARTMENTS = '1,Supply Chain\n2,Staff\n';
const JOBS = '1,Recruiter\n2,Manager\n3,Analyst\n';
const HIRE = (id: number | string, job: number | string = 1) => `${id},Ann,2021-11-07T02:48:42Z,2,${job}\n`;

describe('loads', async () => {
  const stack = await testStack({ after });
  const { load, rows, rejects } = stack;
  const connection = await Connection.connect({ address: stack.temporal.address });
  const client = new Client({ connection, namespace: stack.temporal.namespace, ...TEST_SEALED });
  after(() => connection.close());
  const statusOf = (id: number) => async () => (await stack.get(`/v1/loads/${id}`)).body.status;

  it('loads tables in the order of their references', async () => {
    assert.deepEqual((await load('departments', DEPARTMENTS)).body.rows, {
      read: 2,
      loaded: 2,
      rejected: 0,
      unchanged: 0,
      discarded: 0,
    });
    assert.equal((await load('jobs', JOBS)).status, 201);
    const { body } = await load('hired_employees', HIRE(1) + HIRE(2, 2));
    assert.equal(body.rows.loaded, 2);
    const [first] = await rows('hired_employees');
    assert.equal(first?._load_id, String(body.id));
    assert.equal(first?._line, '1');
    assert.deepEqual(first?.datetime, new Date('2021-11-07T02:48:42Z'));
  });

  it('rejects what breaks a rule with its line, its cells and every error, and loads the rest', async () => {
    const csv = `x,,2021-02-30T00:00:00Z,2,1\n\n${HIRE(10)}11,B,2021-01-01T00:00:00Z,1\n`;
    const { body } = await load('hired_employees', csv);
    assert.deepEqual(body.rows, { read: 4, loaded: 1, rejected: 3, unchanged: 0, discarded: 0 });
    const [first, second, third] = await rejects(body.id);
    assert.deepEqual(first?.cells, ['x', '', '2021-02-30T00:00:00Z', '2', '1']);
    assert.deepEqual(
      first?.errors.map((e) => [e.field, e.code]),
      [
        ['id', 'type-error'],
        ['name', 'constraint-error'],
        ['datetime', 'type-error'],
      ],
    );
    assert.deepEqual([second?.line, second?.errors.map((e) => e.code)], [2, ['blank-row']]);
    assert.deepEqual(
      [third?.line, third?.errors.map((e) => e.code)],
      [4, ['constraint-error', 'missing-cell']],
    );
  });

  it('rejects a key that is twice in the file, one that is in the table, and references that exist nowhere', async () => {
    const csv = HIRE(20) + HIRE(20) + HIRE(1) + HIRE(21, 77);
    const { body } = await load('hired_employees', csv);
    assert.deepEqual(body.rows, { read: 4, loaded: 1, rejected: 3, unchanged: 0, discarded: 0 });
    const found = await rejects(body.id);
    assert.deepEqual(
      found.map((r) => [r.line, r.cells[0], r.errors[0]?.code, r.errors[0]?.message]),
      [
        [2, '20', 'primary-key', 'id 20 is the same as on line 1'],
        [3, '1', 'primary-key', 'id 1 is in the table already'],
        [4, '21', 'foreign-key', 'no row of "jobs" has id 77'],
      ],
    );
  });

  it('merges by primary key: new rows in, changed rows changed, the rest unchanged with its lineage', async () => {
    const before = await rows('jobs');
    const { body } = await load('jobs', '2,Boss\n3,Analyst\n4,Clerk\n', { mode: 'merge' });
    assert.deepEqual(body.rows, { read: 3, loaded: 2, rejected: 0, unchanged: 1, discarded: 0 });
    const now = await rows('jobs');
    assert.deepEqual(
      now.map((r) => r.job),
      ['Recruiter', 'Boss', 'Analyst', 'Clerk'],
    );
    assert.equal(now[2]?._load_id, before[2]?._load_id);
    assert.equal(now[1]?._load_id, String(body.id));
  });

  it('replaces a table, unless rows of another one would lose what they refer to', async () => {
    const { body } = await load('jobs', '1,Recruiter\n2,Manager\n9,Pilot\n', { mode: 'replace' });
    assert.equal(body.status, 'done');
    assert.equal((await rows('jobs')).length, 3);
    const before = await rows('jobs');
    const refused = await load('jobs', '9,Pilot\n', { mode: 'replace' });
    assert.deepEqual([refused.status, refused.body.code], [409, 'reference-broken']);
    assert.deepEqual(await rows('jobs'), before);
    // The references are still there, and still hold.
    await assert.rejects(stack.db.query('delete from jobs where id = 1'), /hired_employees_job_id_foreign/);
  });

  it('knows the same file again, and loads it once more when forced', async () => {
    const csv = HIRE(30);
    const first = await load('hired_employees', csv);
    const again = await load('hired_employees', csv);
    assert.deepEqual([again.body.existing, again.body.id], [true, first.body.id]);
    const forced = await load('hired_employees', csv, { force: 'true', maxRejects: 'none' });
    assert.notEqual(forced.body.id, first.body.id);
    assert.deepEqual(forced.body.rows, { read: 1, loaded: 0, rejected: 1, unchanged: 0, discarded: 0 });
  });

  it('fails a load with more rejects than allowed, by count and by share, and leaves the table alone', async () => {
    const before = await rows('hired_employees');
    const csv = `${HIRE(40)}${HIRE('x')}${HIRE('y')}`;
    const byCount = await load('hired_employees', csv, { maxRejects: '1' });
    assert.deepEqual([byCount.status, byCount.body.code], [422, 'too-many-rejects']);
    const byShare = await load('hired_employees', csv, { maxRejects: '66%' });
    assert.deepEqual([byShare.status, byShare.body.code], [422, 'too-many-rejects']);
    // Rejects that only the checks of keys find count as well.
    const byKeys = await load('hired_employees', HIRE(1) + HIRE(2) + HIRE(41), { maxRejects: '1' });
    assert.equal(byKeys.body.code, 'too-many-rejects');
    assert.deepEqual(await rows('hired_employees'), before);
    const allowed = await load('hired_employees', csv, { maxRejects: '67%' });
    assert.equal(allowed.body.rows.loaded, 1);
  });

  it('fails a load of which every row is rejected, in Temporal too, and never empties a table by it', async () => {
    const before = await rows('departments');
    for (const mode of ['append', 'merge', 'replace']) {
      const { status, body } = await load('departments', `x,${mode}\n`, { mode });
      assert.deepEqual([status, body.code], [422, 'too-many-rejects']);
      const { load: failed } = body as unknown as {
        load: { id: number; workflowId: string; status: string };
      };
      assert.equal(failed.status, 'failed');
      assert.equal((await rejects(failed.id)).length, 1);
      const inTemporal = client.workflow.getHandle(failed.workflowId);
      await eventually(async () => (await inTemporal.describe()).status.name, 'FAILED');
      const { searchAttributes, memo } = await inTemporal.describe();
      assert.deepEqual(
        [searchAttributes.LongshoreId, searchAttributes.LongshoreRejects, memo],
        [[String(failed.id)], [1], { load: failed.id, table: 'departments', mode, file: 'upload.csv' }],
      );
    }
    // Rejects that only the checks of keys find count as well: these rows are there already.
    const again = await load('jobs', '1,Recruiter\n', { force: 'true' });
    assert.equal(again.body.code, 'too-many-rejects');
    const asked = await load('departments', 'x,none\n', { maxRejects: 'none' });
    assert.deepEqual([asked.status, asked.body.status, asked.body.rows.rejected], [201, 'done', 1]);
    const replaced = await load('departments', 'x,all\n', { mode: 'replace', maxRejects: 'none' });
    assert.equal(replaced.body.code, 'too-many-rejects');
    assert.deepEqual(await rows('departments'), before);
  });

  it('lets every step of a load that takes moments go first, and gives longer ones and publishing their turns', async () => {
    const prioritiesOf = async (csv: string) => {
      const { body } = await load('departments', csv, { mode: 'merge', force: 'true' });
      const { events } = await client.workflow.getHandle(body.workflowId).fetchHistory();
      const found = new Map<string, unknown>();
      for (const { activityTaskScheduledEventAttributes: of } of events ?? []) {
        if (of?.activityType?.name) found.set(of.activityType.name, of.priority);
      }
      const of = (name: string) =>
        found.get(name) as { priorityKey?: number; fairnessKey?: string } | undefined;
      const started = events?.[0]?.workflowExecutionStartedEventAttributes?.priority?.priorityKey;
      return { started, load: of('loadChunk'), publish: of('publishLoad') };
    };
    const short = await prioritiesOf(DEPARTMENTS);
    assert.deepEqual([short.started, short.load?.priorityKey, short.publish?.priorityKey], [1, 1, 1]);
    const long = await prioritiesOf(`${DEPARTMENTS}3,${'x'.repeat(2 * 1024 * 1024)}\n`);
    assert.deepEqual([long.load?.fairnessKey, long.publish?.fairnessKey], ['short loads', 'publishes']);
    // 3 is the server's default.
    const keys = [long.started, long.load?.priorityKey, long.publish?.priorityKey];
    assert.deepEqual(
      keys.map((key) => key || 3),
      [3, 3, 3],
    );
  });

  it('loads a file from the inbox, and says so when it is not there or outside', async () => {
    await stack.putInbox('2021/jobs.csv', '50,Diver\n');
    const path = '/v1/tables/jobs/loads';
    const { body } = await stack.post(path, { source: '2021/jobs.csv' }, { prefer: 'wait=30' });
    assert.deepEqual([body.status, body.rows?.loaded], ['done', 1]);
    assert.equal((await stack.post(path, { source: 'nothing.csv' })).body.code, 'source-not-found');
    const outside = await stack.post(path, { source: '../keys/admin.key' });
    assert.ok([400, 404].includes(outside.status), JSON.stringify(outside));
    // The file belongs to its owner: it stays.
    assert.equal((await stack.post(path, { source: '2021/jobs.csv' })).body.existing, true);
  });

  it('takes a path in the inbox as long as paths may be', async () => {
    const folder = 'd'.repeat(200);
    const name = `${folder}/${folder}/${folder}/${folder}/x.csv`;
    await stack.putInbox(name, '60,Potter\n');
    const { body } = await stack.post('/v1/tables/jobs/loads', { source: name }, { prefer: 'wait=30' });
    assert.equal(body.status, 'done');
  });

  it('cancels a load that has no workflow', async () => {
    const stuck = async (workflowId: string) => {
      const [row] = await stack.db.query<{ id: number }>(
        `insert into longshore.load (table_name, mode, status, workflow_id, source_kind, source_name, source_key,
                                     definition, dictionary_version, started_by)
         select table_name, mode, 'accepted', $1, source_kind, source_name, 'uploads/none', definition,
                dictionary_version, started_by
           from longshore.load limit 1 returning id`,
        [workflowId],
      );
      return row?.id ?? 0;
    };
    const id = await stuck('load-without-workflow');
    const { body } = await stack.post(`/v1/loads/${id}/cancel`);
    assert.equal(body.status, 'cancelled');
  });

  it('queues loads of one table, and continues automatically', async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => HIRE(100_000 + i)).join('');
    const start = (csv: string) =>
      fetch(`${stack.url}/v1/tables/hired_employees/loads`, {
        method: 'POST',
        headers: { 'x-api-key': stack.key, 'content-type': 'text/csv' },
        body: csv,
      }).then((r) => r.json() as Promise<{ id: number }>);
    const first = await start(lines);
    await stack.post(`/v1/loads/${first.id}/pause`);
    const second = await start(HIRE(200_000));
    const third = await start(HIRE(200_001));
    const queued = async () => {
      const { body } = await stack.get(`/v1/loads/${third.id}`);
      return [body.status, body.queuedBehind];
    };
    await eventually(queued, ['queued', second.id]);
    await stack.post(`/v1/loads/${first.id}/resume`);
    for (const { id } of [first, second, third]) {
      await eventually(statusOf(id), 'done');
    }
  });

  it('leaves the table as it was when a load is cancelled, and clears everything away', async () => {
    const before = (await rows('hired_employees')).length;
    const response = await fetch(`${stack.url}/v1/tables/hired_employees/loads`, {
      method: 'POST',
      headers: { 'x-api-key': stack.key, 'content-type': 'text/csv' },
      body: Array.from({ length: 200_000 }, (_, i) => HIRE(300_000 + i)).join(''),
    });
    const { id } = (await response.json()) as { id: number };
    await stack.post(`/v1/loads/${id}/pause`);
    await stack.post(`/v1/loads/${id}/cancel`);
    await eventually(statusOf(id), 'cancelled');
    assert.equal((await rows('hired_employees')).length, before);
    const stages = await stack.db.query(
      `select from pg_class where relnamespace = 'longshore_stage'::regnamespace`,
    );
    assert.equal(stages.length, 0);
    assert.equal((await stack.post(`/v1/loads/${id}/cancel`)).body.code, 'load-state');
  });

  it('fails a load whose workflow was terminated, and lets the next one go on', async () => {
    const start = async (csv: string) => {
      const headers = { 'x-api-key': stack.key, 'content-type': 'text/csv' };
      const response = await fetch(`${stack.url}/v1/tables/jobs/loads`, {
        method: 'POST',
        headers,
        body: csv,
      });
      return (await response.json()) as { id: number; workflowId: string };
    };
    const many = Array.from({ length: 100_000 }, (_, i) => `${i + 1_000_000},Job\n`).join('');
    const first = await start(many);
    await stack.post(`/v1/loads/${first.id}/pause`);
    const second = await start('61,Turner\n');
    await client.workflow.getHandle(first.workflowId).terminate('by a test');
    await eventually(statusOf(second.id), 'done');
    const { body } = await stack.get(`/v1/loads/${first.id}`);
    assert.deepEqual([body.status, body.error?.code], ['failed', 'load-terminated']);
  });

  it('loads the real files of the challenge as they are known', async () => {
    const { departments, jobs, hired_employees: hires } = await challengeFiles();
    await stack.db.query('truncate hired_employees');
    assert.equal((await load('departments', departments, { mode: 'replace' })).body.rows.loaded, 12);
    assert.equal((await load('jobs', jobs, { mode: 'replace' })).body.rows.loaded, 183);
    const { body } = await load('hired_employees', hires, { mode: 'replace' });
    assert.deepEqual(body.rows, { read: 1999, loaded: 1929, rejected: 70, unchanged: 0, discarded: 0 });
    const missing: Record<string, number> = {};
    for (const { line, cells, errors } of await rejects(body.id)) {
      assert.equal(cells[0], String(line), 'in these files, a row has its line as id');
      for (const { field } of errors) missing[field ?? ''] = (missing[field ?? ''] ?? 0) + 1;
    }
    assert.deepEqual(missing, { department_id: 21, name: 19, job_id: 16, datetime: 14 });
  });

  it('takes blank lines at the end for none, as spreadsheets export them', async () => {
    const ends = ['\n', '\r\n\r\n', ',\n,\n,', ' \n\t\n', `${',\r\n'.repeat(2_000)}`];
    for (const [at, end] of ends.entries()) {
      const { body } = await load('jobs', `${900 + at},Clerk ${at}\r\n${end}`, { mode: 'merge' });
      assert.deepEqual(
        [body.status, body.rows],
        ['done', { read: 1, loaded: 1, rejected: 0, unchanged: 0, discarded: 0 }],
        JSON.stringify(end.slice(0, 10)),
      );
    }
    const { status, body } = await load('jobs', '\n\n,\n');
    assert.deepEqual([status, (body as unknown as { code: string }).code], [422, 'file-empty']);
  });
});
