import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import type { RejectsSummary } from '../../src/rejects/kept-rejects.ts';
import { reportState } from '../../src/reports/report-states.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { openScheduleBook } from '../../src/schedules/open-schedule-book.ts';
import { ensureTidySchedule } from '../../src/schedules/tidy-schedule.ts';
import type { TidiedLedger } from '../../src/tidy/contract.ts';
import { SLICE } from '../../src/tidy/slices.ts';
import { deleteFailedBackups, deleteOldAudit } from '../../src/tidy/tidy-entries.ts';
import { deleteOldLoadRejects } from '../../src/tidy/tidy-loads.ts';
import { until } from '../support/eventually.ts';
import { recordedHistories, recordHistory, replayFaults } from '../support/histories.ts';
import { refreshNow } from '../support/refreshed.ts';
import { TEST_SEALED } from '../support/sealed.ts';
import { testStack } from '../support/stack.ts';
import { unsealedBundle } from '../support/unsealed-bundle.ts';

const REPORT = 'hires-by-quarter';
const NOTHING: TidiedLedger = { rejects: 0, loads: 0, batches: 0, restores: 0, backups: 0, audit: 0 };

describe('a ledger whose entries have ages', async () => {
  const stack = await testStack({ after }, undefined, {
    env: {
      LONGSHORE_KEEP_REJECTS_DAYS: '30',
      LONGSHORE_KEEP_LEDGER_DAYS: '100',
      LONGSHORE_KEEP_AUDIT_DAYS: '365',
    },
  });
  const { db, get, load, post, rejects } = stack;
  const { address, namespace } = stack.temporal;
  const client = new Client({ connection: await Connection.connect({ address }), namespace, ...TEST_SEALED });
  after(() => client.connection.close());
  const schedule = client.schedule.getHandle(stack.inTemporal('tidy-ledger'));

  let runs = 0;
  async function tidied(): Promise<TidiedLedger> {
    await schedule.trigger();
    runs++;
    const { info } = await until(
      () => schedule.describe(),
      (found) => found.info.numActionsTaken >= runs,
    );
    const { workflowId, firstExecutionRunId } = info.recentActions.at(-1)!.action.workflow;
    const result = await client.workflow.getHandle(workflowId, firstExecutionRunId).result();
    if (runs === 1) await recordHistory(client, 'tidy-ledger', workflowId, firstExecutionRunId);
    return result as TidiedLedger;
  }

  /** All that the ledger has is so much older. */
  async function age(days: number): Promise<void> {
    for (const [table, column] of [
      ['load', 'finished_at'],
      ['batch_group', 'committed_at'],
      ['restore', 'finished_at'],
      ['backup', 'finished_at'],
      ['backup', 'snapshot_at'],
      ['audit', 'at'],
    ]) {
      await db.query(`update longshore.${table} set ${column} = ${column} - make_interval(days => $1)`, [
        days,
      ]);
    }
  }
  const idsOf = async (table: string) =>
    (await db.query<{ id: unknown }>(`select id from longshore.${table} order by id`)).map(({ id }) => id);
  const batch = (id: number, headers: Record<string, string> = {}) =>
    post('/v1/tables/departments/rows', [{ id, department: `D${id}` }, { id: 'x' }], {
      prefer: 'wait=40',
      ...headers,
    }) as unknown as Promise<{ status: number; body: { id: string; rows: { rejected: number } } }>;
  const jobs = (...ids: number[]) => `${ids.map((id) => `${id},job ${id}`).join('\n')}\n`;
  const metrics = async () => {
    const response = await fetch(`${stack.url}/metrics`, { headers: { 'x-api-key': stack.key } });
    return (await response.text()).split('\n').filter((line) => /^longshore_load_rows_total/.test(line));
  };
  const LOST = `insert into longshore.load (table_name, mode, status, workflow_id, source_kind, source_name, source_key,
      definition, dictionary_version, started_by, created_at, started_at, finished_at)
    values ($1, 'append', $2, $3, 'upload', 'x', 'x', '{}', '1', 'test', now() - interval '900 days',
            now() - interval '900 days', $4)`;

  it('has a schedule in Temporal that deletes them, once a day', async () => {
    const { spec, action, policies } = await schedule.describe();
    assert.equal(action.workflowType, 'tidyLedger');
    assert.deepEqual(action.args, [{ rejectsDays: 30, ledgerDays: 100, auditDays: 365 }]);
    assert.equal(spec.intervals?.[0]?.every, 86_400_000);
    assert.equal(policies.overlap, 'SKIP');
    const [row] = await db.query<{ pending: boolean; deleted: boolean }>(
      `select pending, deleted_at is not null as deleted from longshore.schedule where kind = 'tidy' and id = 'ledger'`,
    );
    assert.deepEqual(row, { pending: false, deleted: false });
    assert.deepEqual(await tidied(), NOTHING);
  });

  it('loses old rejects, whose counts stay, and nothing else while the rest is young', async () => {
    const { body } = await load('departments', '1,One\nx,Two\ny,\n');
    const { body: sent } = await batch(2);
    await age(31);
    assert.deepEqual(await tidied(), { ...NOTHING, rejects: 3 });
    assert.deepEqual(await rejects(body.id), []);
    const { rows } = (await get(`/v1/loads/${body.id}`)).body;
    assert.deepEqual([rows.read, rows.loaded, rows.rejected], [3, 1, 2]);
    const summary = (await get(`/v1/loads/${body.id}/rejects/summary`)).body as unknown as RejectsSummary;
    assert.deepEqual([summary.rejected, summary.kept], [2, 0]);
    const seen = (await get(`/v1/batches/${sent.id}`)).body as unknown as typeof sent;
    assert.equal(seen.rows.rejected, 1);
    assert.deepEqual(await tidied(), NOTHING);
  });

  it('loses old loads, batches, drills and failed backups, and keeps what is needed', async () => {
    const { body: appended } = await load('jobs', jobs(1, 2));
    assert.equal((await load('jobs', 'x,y\n', { maxRejects: '0' })).body.code, 'too-many-rejects');
    const failed = (await idsOf('load')).at(-1);
    const { body: replaced } = await load('departments', '1,One\n', { mode: 'replace' });
    const { body: current } = await load('departments', '1,Uno\n', { mode: 'replace' });
    const { body: old } = await batch(20);
    const { body: keyed } = await batch(21, { 'idempotency-key': 'kept' });
    const [backup] = await db.query<{ id: string }>(
      `insert into longshore.backup (id, purpose, tables, definitions, status, codec, encrypted, workflow_id,
         dictionary_name, dictionary_version, snapshot_at, manifest, manifest_sha256, started_by, finished_at, deleted_at)
       values ('20250101T000000Z-aaaaaaaa', 'manual', '{jobs}', '[]', 'deleted', 'null', false, 'b1', 'x', '1',
               now() - interval '900 days', '{}', 'x', 'test', now(), now()) returning id`,
    );
    await db.query(
      `insert into longshore.backup (id, purpose, tables, definitions, status, codec, encrypted, workflow_id,
         dictionary_name, dictionary_version, started_by, finished_at)
       values ('20250101T000000Z-bbbbbbbb', 'manual', '{jobs}', '[]', 'failed', 'null', false, 'b2', 'x', '1', 'test', now())`,
    );
    await db.query(
      `insert into longshore.restore (kind, backup_id, tables, target, status, workflow_id, started_by, finished_at)
       values ('drill', $1, '{jobs}', '{}', 'done', 'r1', 'test', now()),
              ('restore', $1, '{jobs}', '{}', 'failed', 'r2', 'test', now()),
              ('restore', $1, '{jobs}', '{"as": "other"}', 'done', 'r3', 'test', now()),
              ('restore', $1, '{hired_employees}', '{}', 'done', 'r4', 'test', now())`,
      [backup!.id],
    );
    // The housekeeping may begin it meanwhile; it has not ended long ago, and so it stays.
    await db.query(LOST, ['hired_employees', 'accepted', 'unfinished', null]);
    await refreshNow(db, REPORT, 'departments-above-mean');
    assert.equal((await reportState(db, REPORT)).stale, false);
    const before = await metrics();
    const firstLoad = Math.min(...((await idsOf('load')) as number[]));
    await age(101);

    const result = await tidied();
    assert.deepEqual(
      { ...result, rejects: 0 },
      { rejects: 0, loads: 3, batches: 2, restores: 3, backups: 1, audit: 0 },
    );
    assert.ok(result.rejects >= 2, String(result.rejects));

    const left = await idsOf('load');
    // The first load's rows were replaced, as were those of the second; one failed.
    for (const gone of [firstLoad, replaced.id, failed]) assert.ok(!left.includes(gone), String(gone));
    assert.ok(left.includes(appended.id) && left.includes(current.id));
    assert.equal((await get(`/v1/loads/${failed}`)).status, 404);
    assert.equal((await get(`/v1/loads/${appended.id}`)).body.rows.loaded, 2);
    assert.deepEqual(
      await db
        .query(`select status from longshore.load where workflow_id = 'unfinished' and status <> 'done'`)
        .then((rows) => rows.length),
      1,
    );
    assert.deepEqual(await idsOf('backup'), ['20250101T000000Z-aaaaaaaa']);
    const restores = await db.query<{ workflow_id: string }>('select workflow_id from longshore.restore');
    assert.deepEqual(restores, [{ workflow_id: 'r4' }]);

    // Rows of a batch stay, also when the ledger knows it no more; a key that is good still answers.
    assert.equal((await get(`/v1/batches/${old.id}`)).status, 404);
    assert.equal((await batch(21, { 'idempotency-key': 'kept' })).body.id, keyed.id);
    assert.deepEqual(
      (await stack.rows('departments')).map(({ id }) => Number(id)),
      [1, 20, 21],
    );

    // What is loaded is still known as loaded, so that no file goes in twice.
    assert.equal((await load('jobs', jobs(1, 2))).body.id, appended.id);
    const again = await load('departments', '1,Uno\n', { mode: 'replace' });
    assert.deepEqual([again.body.id, again.body.existing], [current.id, true]);

    // Neither fresh nor stale by a deletion, and counters go on.
    assert.equal((await reportState(db, REPORT)).stale, false);
    assert.deepEqual(await metrics(), before);
    assert.deepEqual(await tidied(), NOTHING);
  });

  it('still shows that a report is stale when the load that it lacks is old', async () => {
    const seen = async () => {
      const [row] = await db.query<{ version: number }>(
        'select version from longshore.report where name = $1',
        [REPORT],
      );
      return { version: row!.version, stale: (await reportState(db, REPORT)).stale };
    };
    const before = await seen();
    assert.equal(before.stale, false);
    await db.query(LOST, ['departments', 'done', 'late', new Date(Date.now() - 800 * 86_400_000)]);
    await db.query(`update longshore.load set id = 0 where workflow_id = 'late'`);
    await tidied();
    assert.equal((await db.query(`select from longshore.load where workflow_id = 'late'`)).length, 0);
    const later = await seen();
    // The housekeeping may have refreshed it already, since it was stale.
    assert.ok(later.stale || later.version > before.version, JSON.stringify({ before, later }));
  });

  it('keeps a load whose rows a backup holds, or a restore may have brought back', async () => {
    const { body: first } = await load('jobs', '7,seven\n', { mode: 'replace' });
    const { body: second } = await load('jobs', '8,eight\n', { mode: 'replace' });
    await db.query(
      `update longshore.backup set status = 'done', deleted_at = null, snapshot_at = (
         select finished_at from longshore.load where id = $1) + interval '1 millisecond'`,
      [first.id],
    );
    await age(200);
    await tidied();
    assert.ok((await idsOf('load')).includes(first.id));

    await db.query(`update longshore.backup set status = 'deleted', deleted_at = now()`);
    await db.query(
      `update longshore.restore set tables = '{jobs}', finished_at = (
         select finished_at from longshore.load where id = $1) + interval '1 second'`,
      [second.id],
    );
    await tidied();
    assert.ok((await idsOf('load')).includes(first.id));

    await load('jobs', '9,nine\n', { mode: 'replace' });
    await age(200);
    await tidied();
    const left = await idsOf('load');
    assert.ok(!left.includes(first.id) && !left.includes(second.id), String(left));
  });

  it('loses old entries of the audit log, in slices', async () => {
    const count = async () =>
      (await db.query<{ n: number }>(`select count(*)::int as n from longshore.audit`))[0]!.n;
    const rest = await count();
    await db.query(
      `insert into longshore.audit (id, at, key_id, key_name, action, status, request_id)
       select gen_random_uuid(), now() - interval '999 days', 'k', 'k', 'x', 200, 'r' from generate_series(1, $1)`,
      [2 * SLICE + 10],
    );
    const seen: number[] = [];
    await deleteOldAudit(db, { days: 900, between: (deleted) => void seen.push(deleted) });
    assert.deepEqual(seen, [SLICE, 2 * SLICE, 2 * SLICE + 10]);
    assert.equal(await count(), rest);
  });

  it('loses many rejects of one load in slices, and goes on where it was stopped', async () => {
    const { body } = await load('departments', `${'x,y\n'.repeat(SLICE + 100)}`, { maxRejects: 'none' });
    await db.query(`update longshore.load set finished_at = finished_at - interval '50 days' where id = $1`, [
      body.id,
    ]);
    await assert.rejects(
      deleteOldLoadRejects(db, {
        days: 30,
        between: () => {
          throw new Error('stopped');
        },
      }),
      /stopped/,
    );
    const summary = async () =>
      (await get(`/v1/loads/${body.id}/rejects/summary`)).body as unknown as RejectsSummary;
    const half = await summary();
    assert.deepEqual([half.rejected, half.kept], [SLICE + 100, 100]);
    assert.equal((await tidied()).rejects, 100);
    const { rejected, kept, errors } = await summary();
    assert.deepEqual([rejected, kept], [SLICE + 100, 0]);
    assert.deepEqual(errors, half.errors);
  });

  it('loses failed backups although the files of one can not be deleted, whose entry stays', async () => {
    const ids = ['20250101T000000Z-cccccccc', '20250101T000000Z-dddddddd'] as const;
    for (const [n, id] of ids.entries()) {
      await db.query(
        `insert into longshore.backup (id, purpose, tables, definitions, status, codec, encrypted, workflow_id,
           dictionary_name, dictionary_version, started_by, finished_at)
         values ($1, 'manual', '{jobs}', '[]', 'failed', 'null', false, $1, 'x', '1', 'test',
                 now() - interval '900 days' + make_interval(hours => $2))`,
        [id, n],
      );
    }
    const storage = {
      list: async (key: string) => {
        if (key.includes(ids[0])) throw new Error('no permission');
        return [];
      },
    };
    const left: string[] = [];
    const slices = { days: 800, between: () => undefined };
    const deleted = await deleteFailedBackups({ db, storage: storage as never }, slices, (id) => {
      left.push(id);
    });
    assert.deepEqual([deleted, left], [1, [ids[0]]]);
    const entries = (await idsOf('backup')).filter((id) => ids.some((one) => one === id));
    assert.deepEqual(entries, [ids[0]]);
  });

  it('has the schedule no more when everything is kept for ever', async () => {
    const { installation } = stack;
    const log = createLogger({ level: 'silent', process: 'test' });
    const book = openScheduleBook({ client, db, installation, log });
    const ages = { rejectsDays: 0, ledgerDays: 0, auditDays: 7 };
    await schedule.pause('for now');
    await ensureTidySchedule({ book, installation }, ages);
    const { action, state } = await schedule.describe();
    assert.deepEqual([action.args, state.paused], [[ages], true]);
    await ensureTidySchedule({ book, installation }, { ...ages, auditDays: 0 });
    await assert.rejects(schedule.describe(), { name: 'ScheduleNotFoundError' });
  });

  it('its workflow replays what was recorded', async () => {
    const recorded = (await recordedHistories()).filter(({ name }) => name.startsWith('tidy-'));
    assert.deepEqual(
      recorded.map(({ name }) => name),
      ['tidy-ledger.json'],
    );
    assert.deepEqual(await replayFaults({ workflowBundle: await unsealedBundle() }, recorded), {});
  });
});
