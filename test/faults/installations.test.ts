import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUIDv7 } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { startWorker } from '../../activities/start-worker.ts';
import { COMMIT_BATCHES } from '../../src/batches/contract.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { readDictionary } from '../../src/dictionary/read-dictionary.ts';
import { LOAD_CSV } from '../../src/loads/contract.ts';
import { createLoad } from '../../src/loads/loads.ts';
import { REFRESH_ON_SCHEDULE } from '../../src/reports/contract.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { RUN_SCHEDULE } from '../../src/schedules/contract.ts';
import { temporalClient } from '../support/batch-api.ts';
import { received } from '../support/batches.ts';
import { testDatabase } from '../support/database.ts';
import { eventually, until } from '../support/eventually.ts';
import { WORKFLOW_QUEUE } from '../support/former-queues.ts';
import { testHome } from '../support/home.ts';
import { TEST_PAYLOAD_KEY } from '../support/sealed.ts';
import { type TestStack, testStack } from '../support/stack.ts';
import { testTemporal } from '../support/temporal.ts';

const API = fileURLToPath(new URL('../../api/main.ts', import.meta.url));
const WORKER = fileURLToPath(new URL('../../activities/main.ts', import.meta.url));

/** Several installations on one Temporal namespace. */
describe('installations that share one Temporal', async () => {
  const t = { after };
  const first = await testStack(t);
  const second = await testStack(t, undefined, {
    env: { TEMPORAL_NAMESPACE: first.temporal.namespace, LONGSHORE_INSTALLATION: 'second' },
  });
  const client = await temporalClient(t, first);

  /** Starts a process of a platform and waits for its end. */
  async function outcome(script: string, env: Record<string, string>) {
    const home = await testHome(t);
    const child = spawn(process.execPath, [script], {
      env: {
        PATH: process.env.PATH,
        LONGSHORE_HOME: home,
        LONGSHORE_PORT: '0',
        TEMPORAL_ADDRESS: first.temporal.address,
        TEMPORAL_NAMESPACE: first.temporal.namespace,
        LONGSHORE_PAYLOAD_KEY: TEST_PAYLOAD_KEY,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    t.after(async () => void child.kill('SIGKILL'));
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    return { ended, output: () => output };
  }

  it('name everything in Temporal after themselves, and write into their own tables only', async () => {
    for (const [stack, name] of [
      [first, 'one'],
      [second, 'two'],
    ] as const) {
      const { body } = await stack.load('departments', `1,${name}\n`);
      assert.equal(body.status, 'done', JSON.stringify(body));
      assert.ok(body.workflowId.startsWith(stack.inTemporal(`load-${body.id}-`)), body.workflowId);
      const posted = await stack.post('/v1/tables/jobs/rows', [{ id: 1, job: name }]);
      assert.ok(posted.body.workflowId.startsWith(stack.inTemporal('batches-')), posted.body.workflowId);
      assert.deepEqual([posted.status, body.id], [201, 1]);
      const described = await client.workflow.getHandle(body.workflowId).describe();
      assert.equal(described.taskQueue, stack.installation.queue);
    }
    const names = async (stack: TestStack) => [
      ...(await stack.rows('departments')).map((row) => row.department),
      ...(await stack.rows('jobs')).map((row) => row.job),
    ];
    assert.deepEqual(
      [await names(first), await names(second)],
      [
        ['one', 'one'],
        ['two', 'two'],
      ],
    );
    assert.notEqual(first.installation.id, second.installation.id);
  });

  it('each have their own schedules under the same IDs', async () => {
    const schedule = { id: 'nightly', kind: 'backup', cron: '0 3 * * *' };
    for (const stack of [first, second]) {
      assert.equal((await stack.post('/v1/schedules', schedule)).status, 201);
    }
    await second.post('/v1/schedules/nightly/pause');
    const { body } = await first.get('/v1/schedules/nightly');
    assert.equal((body as unknown as { paused: boolean }).paused, false);
    await fetch(`${second.url}/v1/schedules/nightly`, {
      method: 'DELETE',
      headers: { 'x-api-key': second.key },
    });
    assert.equal((await first.get('/v1/schedules/nightly')).status, 200);
    assert.equal((await second.get('/v1/schedules/nightly')).status, 404);
  });

  for (const [what, script] of [
    ['API', API],
    ['worker', WORKER],
  ] as const) {
    it(`refuse the ${what} of a copied database that has the ID of one that runs`, async () => {
      const copy = await testDatabase(t);
      const db = await openDatabase({ url: copy.url });
      await db.query('update longshore.installation set id = $1', [first.installation.id]);
      await db[Symbol.asyncDispose]();
      const { ended, output } = await outcome(script, { DATABASE_URL: copy.url });
      assert.equal(await ended, 1, output());
      assert.match(output(), /installation-conflict/);
      assert.match(output(), /LONGSHORE_INSTALLATION=/);
    });
  }

  it('refuse a worker whose payload key is not the one of the API, and take one in the midst of a change', async () => {
    const other = Buffer.alloc(32, 'another key').toString('base64');
    const env = { DATABASE_URL: first.databaseUrl, LONGSHORE_STORAGE: first.config.storage };
    for (const keys of [other, `${other},${TEST_PAYLOAD_KEY}`]) {
      const { ended, output } = await outcome(WORKER, { ...env, LONGSHORE_PAYLOAD_KEY: keys });
      assert.equal(await ended, 1, output());
      assert.match(output(), /LONGSHORE_PAYLOAD_KEY: the keys here are .* and the API has others/);
    }
    const worker = await startWorker({
      config: {
        ...first.config,
        payloadKey: { name: 'LONGSHORE_PAYLOAD_KEY', text: `${TEST_PAYLOAD_KEY},${other}` },
      },
      log: createLogger({ level: 'silent', process: 'test' }),
      name: 'with-both-keys',
    });
    await worker.stop();
  });

  it('take a copy that is given an ID of its own: what was under way in the original starts anew in it', async () => {
    const copy = await testDatabase(t);
    const home = await testHome(t);
    const db = await openDatabase({ url: copy.url });
    await db.query('update longshore.installation set id = $1', [first.installation.id]);
    await putUpload(home, '7,Harbour\n');
    const { id } = await uploadedLoad(db, 'departments');
    await db[Symbol.asyncDispose]();
    const staging = await testStack(t, undefined, {
      env: {
        DATABASE_URL: copy.url,
        TEMPORAL_NAMESPACE: first.temporal.namespace,
        LONGSHORE_INSTALLATION: 'staging',
        LONGSHORE_STORAGE: `file:${home}/storage`,
      },
    });
    assert.equal(staging.installation.id, 'staging');
    const load = await until(
      async () => (await staging.get(`/v1/loads/${id}`)).body,
      ({ status }) => status === 'done',
    );
    assert.ok(load.workflowId.startsWith(`staging-load-${id}-`), load.workflowId);
    assert.deepEqual(
      (await staging.rows('departments')).map((row) => row.department),
      ['Harbour'],
    );
  });

  it('keep out of a storage that belongs to another', async () => {
    const database = await testDatabase(t);
    const env = {
      DATABASE_URL: database.url,
      LONGSHORE_INSTALLATION: 'third',
      LONGSHORE_STORAGE: `file:${first.home}/storage`,
    };
    const { ended, output } = await outcome(API, env);
    assert.equal(await ended, 1, output());
    assert.match(
      output(),
      new RegExp(`the ledger is of the installation third.*belongs to ${first.installation.id}`),
    );
  });
});

describe('an installation whose ledger is lost', async () => {
  it('goes on under its ID with a new ledger, which finds it in the storage', async (t) => {
    const home = await testHome(t);
    const storage = `file:${home}/storage`;
    await testStack(t, undefined, { env: { LONGSHORE_INSTALLATION: 'harbour', LONGSHORE_STORAGE: storage } });
    const mark = join(home, 'storage', 'installation.json');
    assert.deepEqual(JSON.parse(await readFile(mark, 'utf8')), { installation: 'harbour' });
    const { installation } = await testStack(t, undefined, { env: { LONGSHORE_STORAGE: storage } });
    assert.equal(installation.id, 'harbour');
    await rm(mark);
  });
});

describe('a platform that is brought up to date from the time before installations', async () => {
  const t = { after };
  const temporal = await testTemporal();
  const database = await testDatabase(t);
  const db = await openDatabase({ url: database.url });
  after(() => db[Symbol.asyncDispose]());
  await db.query(`update longshore.installation set takes_over = true`);
  const connection = await Connection.connect({ address: temporal.address });
  t.after(() => connection.close());
  const client = new Client({ connection, namespace: temporal.namespace });
  await formerSchedules(client);
  const home = await testHome(t);
  await putUpload(home, '1,Old\n');
  const { id } = await uploadedLoad(db, 'jobs', 'load-jobs-append-1234');
  await client.workflow.start(LOAD_CSV, {
    workflowId: 'load-jobs-append-1234',
    taskQueue: WORKFLOW_QUEUE,
    args: [{ loadId: id, table: 'jobs', mode: 'append' }],
  });
  const group = randomUUIDv7();
  const batch = received([{ id: 2, job: 'Accepted' }], { id: `${group}-0` });
  const payload = { inline: JSON.stringify([batch]) };
  await client.workflow.start(COMMIT_BATCHES, {
    workflowId: `batches-${group}`,
    taskQueue: WORKFLOW_QUEUE,
    args: [{ group, table: 'jobs', mode: 'append', batches: 1, payload }],
  });
  await until(
    async () => (await client.workflow.count(`TaskQueue = '${WORKFLOW_QUEUE}'`)).count,
    (n) => n === 2,
  );
  const stack = await testStack(t, undefined, {
    env: {
      DATABASE_URL: database.url,
      TEMPORAL_NAMESPACE: temporal.namespace,
      LONGSHORE_STORAGE: `file:${home}/storage`,
    },
  });
  const stateOf = async (workflowId: string) =>
    (await client.workflow.getHandle(workflowId).describe()).status.name;

  it('has its schedules under its own names, with their pauses and notes, and none twice', async () => {
    const { body } = await stack.get('/v1/schedules/nightly');
    const { cron, timezone, paused, note } = body as unknown as Record<string, unknown>;
    assert.deepEqual([cron, timezone, paused, note], ['0 3 * * *', 'Europe/Berlin', true, 'while we move']);
    const report = client.schedule.getHandle(stack.inTemporal('report-hires-by-quarter'));
    assert.equal((await report.describe()).state.paused, true);
    for (const id of ['nightly', 'report-hires-by-quarter']) {
      await assert.rejects(client.schedule.getHandle(id).describe(), { name: 'ScheduleNotFoundError' });
    }
  });

  it('loads what was being loaded, by a workflow with its own name', async () => {
    const load = await until(
      async () => (await stack.get(`/v1/loads/${id}`)).body,
      ({ finishedAt }) => finishedAt !== null,
    );
    assert.deepEqual([load.status, load.rows.loaded], ['done', 1], JSON.stringify(load));
    assert.ok(load.workflowId.startsWith(stack.inTemporal(`load-${id}-`)), load.workflowId);
    assert.equal(await stateOf('load-jobs-append-1234'), 'TERMINATED');
  });

  it('commits the batches that had been accepted', async () => {
    await eventually(async () => (await stack.get(`/v1/batches/${group}-0`)).body.status, 'done');
    assert.ok((await stack.rows('jobs')).some(({ job }) => job === 'Accepted'));
    assert.equal(await stateOf(`batches-${group}`), 'TERMINATED');
  });

  it('takes over once only', async () => {
    const [row] = await db.query<{ left: boolean }>('select takes_over as left from longshore.installation');
    assert.equal(row?.left, false);
  });
});

const UPLOAD = 'uploads/11111111-1111-4111-8111-111111111111';

async function putUpload(home: string, csv: string): Promise<void> {
  await mkdir(join(home, 'storage', 'uploads'), { recursive: true });
  await writeFile(join(home, 'storage', UPLOAD), csv);
}

/** A load in the ledger, without its workflow yet. */
async function uploadedLoad(db: Database, table: string, workflowId?: string): Promise<{ id: number }> {
  const { tables, version } = await readDictionary(undefined);
  return db.transaction(async (tx) => {
    const made = await createLoad(tx, {
      table: tables.find(({ name }) => name === table)!,
      dictionary: { version },
      mode: 'append',
      source: { kind: 'upload', name: 'rows.csv', key: UPLOAD },
      sourceStamp: null,
      survey: null,
      maxRejects: null,
      force: false,
      startedBy: 'test',
    });
    await tx.query('update longshore.load set workflow_id = coalesce($2, workflow_id) where id = $1', [
      made.id,
      workflowId ?? null,
    ]);
    return made;
  });
}

async function formerSchedules(client: Client): Promise<void> {
  const input = { kind: 'backup', timezone: 'Europe/Berlin', tables: null, codec: null, encrypt: null };
  await client.schedule.create({
    scheduleId: 'nightly',
    spec: { cronExpressions: ['0 3 * * *'], timezone: 'Europe/Berlin' },
    action: {
      type: 'startWorkflow',
      workflowType: RUN_SCHEDULE,
      workflowId: 'schedule-nightly',
      taskQueue: WORKFLOW_QUEUE,
      args: [{ ...input, scheduleId: 'nightly', retention: { keepLast: 3 }, drill: false }],
    },
    state: { paused: true, note: 'while we move' },
  });
  await client.schedule.create({
    scheduleId: 'report-hires-by-quarter',
    spec: { intervals: [{ every: 900_000 }] },
    action: {
      type: 'startWorkflow',
      workflowType: REFRESH_ON_SCHEDULE,
      workflowId: 'report-hires-by-quarter',
      taskQueue: WORKFLOW_QUEUE,
      args: [{ name: 'hires-by-quarter' }],
    },
    state: { paused: true },
  });
  // Lists are a little behind.
  await until(
    async () => {
      let n = 0;
      for await (const _ of client.schedule.list()) n++;
      return n;
    },
    (n) => n === 2,
  );
}
