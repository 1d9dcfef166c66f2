import assert from 'node:assert/strict';
import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { it } from 'node:test';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { startWorker } from '../../activities/start-worker.ts';
import { startApi } from '../../api/start-api.ts';
import { COMMIT_BATCHES } from '../../src/batches/contract.ts';
import { readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/db/database.ts';
import { readInstallation } from '../../src/installation/installation.ts';
import { nameIn } from '../../src/installation/names.ts';
import { LOAD_CSV } from '../../src/loads/contract.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { RUN_SCHEDULE } from '../../src/schedules/contract.ts';
import { installRuntime } from '../../src/temporal/worker-runtime.ts';
import { testDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { testHome } from '../support/home.ts';
import { TEST_PAYLOAD_KEY } from '../support/sealed.ts';
import { testTemporal } from '../support/temporal.ts';

const KEY = 'a key for this test only';

it('jobs and schedules of a version without seals go on after the upgrade; what the ledger does not know does not', async (t) => {
  const log = createLogger({ level: 'silent', process: 'test' });
  installRuntime(log);
  const [home, database, temporal] = [await testHome(t), await testDatabase(t), await testTemporal()];
  const config = readConfig({
    LONGSHORE_HOME: home,
    LONGSHORE_PORT: '0',
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    LONGSHORE_ADMIN_KEY: KEY,
    LONGSHORE_PAYLOAD_KEY: TEST_PAYLOAD_KEY,
  });
  const db = await openDatabase({ url: database.url });
  const connection = await Connection.connect({ address: temporal.address });
  t.after(async () => {
    await connection.close();
    await db[Symbol.asyncDispose]();
  });
  const before = new Client({ connection, namespace: temporal.namespace });

  const { id, queue } = await readInstallation(db);
  let api = await startApi({ config, log });
  t.after(() => api.stop());
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = { 'x-api-key': KEY, 'content-type': 'application/json', ...init.headers };
    const response = await fetch(`${api.info?.url}${path}`, { ...init, headers });
    return (await response.json()) as Record<string, never>;
  };
  const load = (await ask('/v1/tables/departments/loads', {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: '1,Kept\n',
  })) as unknown as { id: number; workflowId: string };
  const schedule = { id: 'nightly', kind: 'backup', cron: '0 3 * * *' };
  await ask('/v1/schedules', { method: 'POST', body: JSON.stringify(schedule) });
  await api.stop();

  // From here on, all is as the version before left it: nothing is sealed.
  await db.query('delete from longshore.payload_key');
  const start = (type: string, workflowId: string, input: object): Promise<WorkflowHandle> =>
    before.workflow.start(type, {
      workflowId,
      taskQueue: queue,
      args: [input],
      workflowIdConflictPolicy: 'TERMINATE_EXISTING',
    });
  await start(LOAD_CSV, load.workflowId, { loadId: load.id, table: 'departments', mode: 'append' });
  const group = randomUUIDv7();
  const batch = { id: `${group}-0`, format: 'json', strict: false, body: '[{"id":2,"department":"Taken"}]' };
  const received = { ...batch, sentBy: 'operator', receivedAt: new Date().toISOString(), idempotency: null };
  await start(COMMIT_BATCHES, nameIn(id, `batches-${group}`), {
    group,
    table: 'departments',
    mode: 'append',
    batches: 1,
    payload: { inline: JSON.stringify([received]) },
  });
  const unknown = await start(LOAD_CSV, `load-${randomUUID()}`, {
    loadId: 99,
    table: 'departments',
    mode: 'append',
  });
  const handle = before.schedule.getHandle(nameIn(id, 'schedule-nightly'));
  const input = (await handle.describe()).action.args;
  await handle.update(({ spec, action, policies, state }) => ({
    spec,
    action: { ...action, args: input },
    policies,
    state,
  }));

  api = await startApi({ config, log });
  const worker = await startWorker({ config, log, name: 'test' });
  t.after(() => worker.stop());
  await eventually(async () => (await ask(`/v1/loads/${load.id}`)).status, 'done' as never);
  await eventually(async () => (await ask(`/v1/batches/${group}-0`)).status, 'done' as never);
  const rows = await db.query<{ department: string }>('select department from departments order by id');
  assert.deepEqual(
    rows.map(({ department }) => department),
    ['Kept', 'Taken'],
  );
  await assert.rejects(unknown.result(), (error: Error) =>
    /sealed/.test(String((error.cause as Error).message)),
  );
  const shown = await ask('/v1/schedules/nightly');
  assert.deepEqual([shown.kind, shown.cron], ['backup', '0 3 * * *']);
  const { schedule: stored } = await connection.workflowService.describeSchedule({
    namespace: temporal.namespace,
    scheduleId: handle.scheduleId,
  });
  assert.ok(stored?.action?.startWorkflow?.input?.payloads?.[0]?.metadata?.seal);
  assert.equal((await handle.describe()).action.workflowType, RUN_SCHEDULE);

  // The window is closed: what is not sealed now is somebody else's.
  await api.stop();
  const late = await start(LOAD_CSV, load.workflowId, {
    loadId: load.id,
    table: 'departments',
    mode: 'append',
  });
  api = await startApi({ config, log });
  await assert.rejects(late.result(), (error: Error) =>
    /sealed/.test(String((error.cause as Error).message)),
  );
});
