import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startWorker } from '../../activities/start-worker.ts';
import { BACKUP_JOB, type BackupJobDeps } from '../../src/backups/backup-job.ts';
import { NO_KEYS } from '../../src/backups/backup-keys.ts';
import { createBackup } from '../../src/backups/backups.ts';
import { readDictionary } from '../../src/dictionary/read-dictionary.ts';
import { isKeeper } from '../../src/installation/process-registry.ts';
import type { JobView } from '../../src/jobs/job.ts';
import type { JobKind, JobRow } from '../../src/jobs/job-kind.ts';
import { createJobs } from '../../src/jobs/jobs.ts';
import { reconcileJobs } from '../../src/jobs/reconcile-jobs.ts';
import { LOAD_JOB } from '../../src/loads/load-job.ts';
import { RESTORE_JOB } from '../../src/restores/restore-job.ts';
import type { ChildService } from '../../src/runtime/child.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import { temporalClient } from '../support/batch-api.ts';
import { eventually, until } from '../support/eventually.ts';
import { testStack } from '../support/stack.ts';

const LOG = createLogger({ level: 'silent', process: 'test' });
const WAIT = { prefer: 'wait=50' };
/** More than PostgreSQL's `integer` holds. */
const TOO_LARGE = 4_000_000_000;

type View = JobView & { readonly safetyBackupId?: string | null };

/** What loads, backups and restores do alike. */
describe('jobs', async () => {
  const stack = await testStack({ after }, undefined, { worker: false });
  const client = await temporalClient({ after }, stack);
  const storage = await openStorage(`file:${stack.home}/storage`);
  const { db, installation } = stack;
  const deps: BackupJobDeps = { client, db, installation, storage, backupKeys: NO_KEYS, log: LOG };
  let worker: ChildService | undefined;
  before(async () => {
    const sent = await stack.post('/v1/tables/departments/rows', [{ id: 1, department: 'first' }]);
    assert.equal(sent.status, 201, JSON.stringify(sent.body));
  });
  after(() => stopWorker());

  async function withWorker(): Promise<void> {
    worker ??= await startWorker({ config: stack.config, log: LOG, name: 'test' });
  }
  async function stopWorker(): Promise<void> {
    await worker?.stop();
    worker = undefined;
  }
  const view = async (path: string) => (await stack.get(path)).body as unknown as View;
  const started = async (path: string, body: unknown, headers = {}) => {
    const answer = await stack.post(path, body, headers);
    assert.ok(answer.status < 300, JSON.stringify(answer.body));
    return answer.body as unknown as View & { readonly links: { readonly self: string } };
  };
  async function backedUp(): Promise<string> {
    await withWorker();
    const { id, status } = await started('/v1/tables/departments/backups', {}, WAIT);
    assert.equal(status, 'done');
    return String(id);
  }
  /** The same job as if the reconciliation had read its row before it ended. */
  async function reconcile<Row extends JobRow, V extends JobView>(
    kind: JobKind<Row, V, BackupJobDeps>,
    id: V['id'],
  ): Promise<V> {
    const row = await kind.row(db.ledger, id);
    assert.ok(row);
    await reconcileJobs({ ...kind, unfinished: async () => [row] }, deps);
    return kind.view(db, id);
  }

  it('are looked for in Temporal by one list when there are many, and by none but one API', async () => {
    await stopWorker();
    const { id } = await started('/v1/backups', {});
    const row = (await BACKUP_JOB.row(db.ledger, String(id)))!;
    let asked = 0;
    const workflowService = new Proxy(client.workflowService, {
      get: (service, name) => {
        if (name === 'describeWorkflowExecution') asked++;
        return Reflect.get(service, name, service);
      },
    });
    const counting = Object.create(client, { workflowService: { value: workflowService } });
    const many = { ...BACKUP_JOB, unfinished: async () => Array.from({ length: 40 }, () => row) };
    // The list lags behind by moments: a job that it does not have yet is asked for.
    await until(
      async () => {
        asked = 0;
        await reconcileJobs(many, { ...deps, client: counting });
        return asked;
      },
      (times) => times === 0,
    );
    assert.equal((await view(`/v1/backups/${id}`)).status, 'running');
    await reconcileJobs({ ...many, unfinished: async () => [row] }, { ...deps, client: counting });
    assert.equal(asked, 1);

    const start = (token: string, seconds: number, seenAgo: number) =>
      db.query(
        `insert into longshore.process (token, name, host, pid, started_at, seen_at)
         values ($1, 'keeping', 'h', 1, now() + $2 * interval '1 second', now() - $3 * interval '1 second')`,
        [token, seconds, seenAgo],
      );
    await start('first', 1, 0);
    await start('last', 2, 0);
    await start('dead', 3, 60);
    assert.deepEqual([await isKeeper(db, 'first'), await isKeeper(db, 'last')], [false, true]);
    await db.query(`delete from longshore.process where name = 'keeping'`);
    await withWorker();
    await until(
      () => view(`/v1/backups/${id}`),
      ({ status }) => status === 'done',
    );
  });

  it('every request for a job that does not exist gets the not-found problem of its kind', async () => {
    for (const [kind, id] of [
      ['load', TOO_LARGE],
      ['load', 77],
      ['restore', TOO_LARGE],
      ['restore', 77],
      ['backup', '20200101T000000Z-000000'],
    ] as const) {
      for (const answer of [
        await stack.get(`/v1/${kind}s/${id}`),
        await stack.post(`/v1/${kind}s/${id}/cancel`),
      ]) {
        const { status, body } = answer;
        assert.deepEqual([status, body.code], [404, `unknown-${kind}`], JSON.stringify(body));
        assert.match(String(body.detail), new RegExp(`^there is no ${kind} "?${id}"?$`));
      }
    }
  });

  it('jobs without a worker say so, each in GET of one, and are cancelled with their workflow', async () => {
    const backupId = await backedUp();
    await stopWorker();
    await stack.putInbox('departments/new.csv', '2,second\n');
    for (const [path, body] of [
      ['/v1/tables/departments/loads', { source: 'departments/new.csv' }],
      ['/v1/tables/departments/backups', {}],
      [`/v1/backups/${backupId}/restore`, { dryRun: true }],
    ] as const) {
      const { links } = await started(path, body);
      const { waitingFor } = await until(
        () => view(links.self),
        (job) => job.waitingFor !== null,
      );
      assert.equal(waitingFor?.code, 'workers-busy', path);
      assert.equal((await stack.post(`${links.self}/cancel`)).status, 202);
      await eventually(async () => (await view(links.self)).status, 'cancelled');
      assert.equal((await view(links.self)).waitingFor, null);
      const again = await stack.post(`${links.self}/cancel`);
      assert.equal(again.status, 409, JSON.stringify(again.body));
      assert.match(String(again.body.detail), /is cancelled: it has ended$/);
    }
  });

  it('are looked up in Temporal once, however many programs ask for one that waits for nothing', async () => {
    await stopWorker();
    const { links } = await started('/v1/backups', {});
    const id = links.self.split('/').at(-1)!;
    let asked = 0;
    const workflow = new Proxy(client.workflow, {
      get: (service, name) => {
        if (name === 'getHandle') asked++;
        return Reflect.get(service, name, service);
      },
    });
    const counting = Object.create(client, { workflow: { value: workflow } });
    const jobs = createJobs(BACKUP_JOB, { ...deps, client: counting });
    for (const { waitingFor } of await Promise.all(Array.from({ length: 50 }, () => jobs.get(id))))
      assert.equal(waitingFor, null);
    assert.equal(asked, 1);
    // What it waits for is told as it is now, each time.
    await until(
      () => jobs.get(id),
      ({ waitingFor }) => waitingFor?.code === 'workers-busy',
    );
    asked = 0;
    await Promise.all([jobs.get(id), jobs.get(id)]);
    await jobs.get(id);
    assert.ok(asked >= 2, String(asked));
    await withWorker();
    await until(
      () => jobs.get(id),
      ({ status }) => status === 'done',
    );
  });

  it('whose workflow is gone are ended by a cancel', async () => {
    const backupId = await backedUp();
    await stack.putInbox('departments/gone.csv', '3,third\n');
    for (const [table, path, body] of [
      ['load', '/v1/tables/departments/loads', { source: 'departments/gone.csv' }],
      ['backup', '/v1/tables/departments/backups', {}],
      ['restore', `/v1/backups/${backupId}/restore`, { dryRun: true }],
    ] as const) {
      const { links, workflowId } = await started(path, body);
      await client.workflow
        .getHandle(workflowId)
        .result()
        .catch(() => undefined);
      // As an older copy of the ledger has it, with a name that Temporal has never heard of; too new to be looked after.
      const sql = `update longshore.${table} set status = $2, finished_at = null, workflow_id = workflow_id || '-lost',
                           created_at = now() + interval '1 minute'
                    where workflow_id = $1`;
      await db.query(sql, [workflowId, table === 'backup' ? 'running' : 'accepted']);
      assert.equal((await stack.post(`${links.self}/cancel`)).status, 202);
      const { status, finishedAt } = await view(links.self);
      assert.equal(status, 'cancelled', path);
      assert.notEqual(finishedAt, null);
    }
  });

  it('jobs that end while they are reconciled stay as they ended, and run once', async () => {
    const backupId = await backedUp();
    const load = await stack.load('departments', '4,fourth\n');
    const dryRun = await started(`/v1/backups/${backupId}/restore`, { dryRun: true }, WAIT);
    for (const found of [
      await reconcile(LOAD_JOB, load.body.id),
      await reconcile(BACKUP_JOB, backupId),
      await reconcile(RESTORE_JOB, Number(dryRun.id)),
    ]) {
      assert.deepEqual([found.status, found.note], ['done', null], JSON.stringify(found));
      const { runId } = await client.workflow.getHandle(found.workflowId).describe();
      assert.equal(runId, found.runId);
    }
  });

  it('whose end the ledger has lost say so in their note: a load begins again, a restore does not', async () => {
    const backupId = await backedUp();
    const load = await stack.load('departments', '5,fifth\n');
    const dryRun = await started(`/v1/backups/${backupId}/restore`, { dryRun: true }, WAIT);
    await db.query(`update longshore.load set status = 'accepted', finished_at = null where id = $1`, [
      load.body.id,
    ]);
    await db.query(`update longshore.restore set status = 'accepted', finished_at = null where id = $1`, [
      dryRun.id,
    ]);
    const loaded = await reconcile(LOAD_JOB, load.body.id);
    assert.match(String(loaded.note), /^Load \d+ had been finished.* It is loaded again$/);
    await eventually(async () => (await view(`/v1/loads/${loaded.id}`)).finishedAt !== null, true);
    const restored = await reconcile(RESTORE_JOB, Number(dryRun.id));
    assert.match(String(restored.note), /^Restore \d+ had been finished.* Ask for it again/);
    assert.deepEqual([restored.status, restored.error?.code], ['failed', 'restore-terminated']);
  });

  it('jobs of a parent workflow record their run, and are left to the parent until it has started them', async () => {
    await backedUp();
    const made = await stack.post('/v1/schedules', {
      id: 'nightly',
      kind: 'backup',
      cron: '0 3 1 1 *',
      tables: ['departments'],
      drill: true,
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const run = (await stack.post('/v1/schedules/nightly/trigger')).body;
    await client.workflow.getHandle(run.workflowId, String(run.runId)).result();
    const { backups } = (await stack.get('/v1/backups?schedule=nightly')).body as unknown as {
      backups: readonly View[];
    };
    const { restores } = (await stack.get('/v1/restores?kind=drill')).body as unknown as {
      restores: readonly View[];
    };
    const backupId = await backedUp();
    const restore = await started(`/v1/backups/${backupId}/restore`, {}, WAIT);
    const safety = await view(`/v1/backups/${restore.safetyBackupId}`);
    for (const job of [...backups, ...restores, safety]) {
      assert.equal(job.runId, (await client.workflow.getHandle(job.workflowId).describe()).runId);
    }

    const scheduled = await createBackup(db, {
      dictionary: await readDictionary(undefined),
      tables: ['departments'],
      keys: NO_KEYS,
      purpose: 'schedule',
      scheduleId: 'nightly',
      startedBy: 'schedule:nightly:0',
    });
    assert.deepEqual((await reconcile(BACKUP_JOB, scheduled)).runId, null);
    await db.query(`update longshore.backup set created_at = now() - interval '61 minutes' where id = $1`, [
      scheduled,
    ]);
    await reconcile(BACKUP_JOB, scheduled);
    await eventually(async () => (await view(`/v1/backups/${scheduled}`)).status, 'done');
  });

  it('are named in the audit log by the ID that they got', async () => {
    const backupId = await backedUp();
    const restore = await started('/v1/tables/departments/restore', { backup: backupId, dryRun: true }, WAIT);
    for (const [action, id] of [
      ['backup.start', backupId],
      ['table.restore', String(restore.id)],
    ] as const) {
      await eventually(async () => {
        const { entries } = (await stack.get(`/v1/audit?action=${action}&limit=1`)).body as unknown as {
          entries: readonly { readonly target: string | null }[];
        };
        return entries[0]?.target;
      }, id);
    }
  });
});
