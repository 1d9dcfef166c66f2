import assert from 'node:assert/strict';
import { cp, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import type { ScheduleAnswer } from '../../api/schedules/schedule-answer.ts';
import type { BackupView } from '../../src/backups/backup.ts';
import type { RetentionPlan } from '../../src/backups/retention.ts';
import { makeSampleSchedules } from '../../src/sample/sample-schedules.ts';
import { backupIdOfRun } from '../../src/schedules/run-ids.ts';
import { eventually } from '../support/eventually.ts';
import { recordHistory } from '../support/histories.ts';
import { TEST_SEALED } from '../support/sealed.ts';
import { testStack } from '../support/stack.ts';

const DAY_MS = 86_400_000;
const YEARLY = '0 3 1 1 *';

interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly { readonly detail: string; readonly pointer?: string }[];
}

describe('schedules', async () => {
  const stack = await testStack({ after });
  const { address, namespace } = stack.temporal;
  const client = new Client({ connection: await Connection.connect({ address }), namespace, ...TEST_SEALED });
  after(() => client.connection.close());

  async function ask<T = ScheduleAnswer>(method: string, path: string, body?: unknown) {
    const response = await fetch(`${stack.url}/v1/schedules${path}`, {
      method,
      headers: { 'x-api-key': stack.key, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as T };
  }
  const get = async (id: string) => (await ask('GET', `/${id}`)).body;

  async function triggered(id: string): Promise<ScheduleAnswer> {
    const { status, body } = await ask<{ workflowId: string; runId: string }>('POST', `/${id}/trigger`);
    assert.equal(status, 202);
    const ended = await client.workflow
      .getHandle(body.workflowId, body.runId)
      .result()
      .catch(() => undefined);
    const { lastRuns } = await get(id);
    assert.equal(lastRuns[0]?.runId, body.runId, JSON.stringify(ended));
    return get(id);
  }

  it('are made, read, changed and deleted', async () => {
    const made = await ask('POST', '', {
      id: 'nightly',
      kind: 'backup',
      cron: '0 3 * * MON-FRI',
      timezone: 'Europe/Berlin',
      tables: ['jobs'],
      retention: { keepDaily: 7, keepWithin: 30 },
      note: 'before the office opens',
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const { nextRuns, links, warnings, ...rest } = made.body;
    assert.deepEqual(warnings, []);
    assert.deepEqual(rest, {
      id: 'nightly',
      temporalId: stack.inTemporal('schedule-nightly'),
      kind: 'backup',
      cron: '0 3 * * 1-5',
      timezone: 'Europe/Berlin',
      tables: ['jobs'],
      codec: null,
      encrypt: null,
      retention: { keepDaily: 7, keepWithin: 'P30D' },
      drill: false,
      paused: false,
      note: 'before the office opens',
      lastRuns: [],
      broken: null,
    });
    assert.equal(nextRuns.length, 5);
    assert.equal(links.self, '/v1/schedules/nightly');
    assert.deepEqual(await get('nightly'), made.body);

    const changed = await ask('PATCH', '/nightly', { cron: '30 4 * * *', retention: null, note: null });
    assert.deepEqual(
      [changed.status, changed.body.cron, changed.body.timezone, changed.body.retention, changed.body.note],
      [200, '30 4 * * *', 'Europe/Berlin', null, null],
    );
    assert.deepEqual(changed.body.tables, ['jobs']);

    assert.equal((await ask('DELETE', '/nightly')).status, 204);
    const gone = await ask<Problem>('GET', '/nightly');
    assert.deepEqual([gone.status, gone.body.code], [404, 'unknown-schedule']);
  });

  it('come at the same hour of the clock on both sides of a change of daylight saving time', async () => {
    const { body } = await ask('POST', '', {
      id: 'sundays',
      kind: 'drill',
      cron: '0 3 * 3 0',
      timezone: 'Europe/Berlin',
    });
    // The last Sunday of March is the one on which clocks go forward; 28 March 2027 is the next.
    const hours = new Map(body.nextRuns.map((time) => [time.slice(0, 10), time.slice(11, 16)]));
    assert.deepEqual([...hours].slice(0, 4), [
      ['2027-03-07', '02:00'],
      ['2027-03-14', '02:00'],
      ['2027-03-21', '02:00'],
      ['2027-03-28', '01:00'],
    ]);
    await ask('DELETE', '/sundays');
  });

  it('run right after the gap where clocks go forward, and say what happens where they change', async () => {
    const daily = { id: 'gap', kind: 'drill', cron: '30 2 * 3 *', timezone: 'Europe/Berlin' };
    const { body } = await ask('POST', '', { ...daily, cron: '30 2 28 3 *' });
    assert.equal(body.nextRuns[0], '2027-03-28T01:00:00.000Z');
    assert.equal(body.nextRuns[1], '2028-03-28T00:30:00.000Z');
    assert.equal(body.cron, '30 2 28 3 *');
    assert.match(body.warnings.join(), /^2027-03-28: clocks .* from 02:00 to 03:00: .* runs at 03:00$/);
    // A change of the zone, or of anything else, keeps what the expression means.
    const moved = await ask('PATCH', '/gap', { timezone: 'America/New_York', cron: '30 2 14 3 *' });
    assert.equal(moved.body.nextRuns[0], '2027-03-14T07:00:00.000Z');
    const zoned = await ask('PATCH', '/gap', { timezone: 'Europe/Berlin' });
    assert.deepEqual([zoned.body.cron, zoned.body.nextRuns[0]], ['30 2 14 3 *', '2027-03-14T01:30:00.000Z']);
    const noted = await ask('PATCH', '/gap', { cron: '30 2 28 3 *' });
    assert.deepEqual((await ask('PATCH', '/gap', { note: 'x' })).body.nextRuns, noted.body.nextRuns);
    await ask('DELETE', '/gap');
  });

  it('are what Temporal says: what is changed there shows here, and a pause outlives a change here', async () => {
    await ask('POST', '', { id: 'edited', kind: 'backup', cron: YEARLY, note: 'mine' });
    const handle = client.schedule.getHandle(stack.inTemporal('schedule-edited'));
    await handle.update((before) => ({
      ...before,
      spec: { cronExpressions: ['15 5 * * 2'], timezone: 'America/New_York' },
      state: { ...before.state, paused: true },
    }));
    const seen = await get('edited');
    assert.deepEqual(
      [seen.cron, seen.timezone, seen.paused, seen.nextRuns, seen.note],
      ['15 5 * * 2', 'America/New_York', true, [], 'mine'],
    );
    const changed = await ask('PATCH', '/edited', { tables: ['jobs'] });
    assert.deepEqual([changed.body.paused, changed.body.cron], [true, '15 5 * * 2']);
    const going = await ask('POST', '/edited/unpause');
    assert.deepEqual([going.status, going.body.paused, going.body.note], [200, false, 'mine']);
    assert.equal((await ask('POST', '/edited/pause')).body.paused, true);

    await handle.update((before) => ({ ...before, spec: { intervals: [{ every: '90m' }] } }));
    assert.equal((await get('edited')).cron, null);
    await ask('DELETE', '/edited');
  });

  it('refuse what they can not do, with the place at fault', async () => {
    const good = { id: 'good', kind: 'backup', cron: YEARLY };
    const faults: readonly (readonly [object, number, string, RegExp])[] = [
      [{ ...good, cron: '0 25 * * *' }, 400, '#/cron', /hour: expected 0 to 23, found 25/],
      [{ ...good, timezone: 'Mars/Olympus' }, 400, '#/timezone', /IANA/],
      [{ ...good, id: 'Not A Slug' }, 400, '#/id', /lower-case/],
      [{ ...good, retention: {} }, 400, '#/retention', /at least one rule/],
      [{ ...good, retention: { keepWithin: '30 days' } }, 400, '#/retention/keepWithin', /ISO 8601/],
      [{ ...good, retention: { keepWithin: 'P0D' } }, 400, '#/retention/keepWithin', /longer than nothing/],
      [{ ...good, cron: '*/61 * * * *' }, 400, '#/cron', /minute: a step of 61 is longer than its 60 values/],
      [{ ...good, retention: { keepLast: 0 } }, 400, '#/retention/keepLast', /at least 1, received 0/],
      [{ ...good, kind: 'drill', drill: true }, 400, '#/drill', /kind backup/],
      [{ ...good, tables: ['jobs', 'jobs'] }, 400, '#/tables', /twice/],
    ];
    for (const [body, status, pointer, detail] of faults) {
      const answer = await ask<Problem>('POST', '', body);
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.equal(answer.body.errors?.[0]?.pointer, pointer);
      assert.match(answer.body.errors?.[0]?.detail ?? '', detail);
    }
    const codes = async (body: object) => {
      const answer = await ask<Problem>('POST', '', body);
      return [answer.status, answer.body.code];
    };
    assert.deepEqual(await codes({ ...good, tables: ['nothing'] }), [404, 'unknown-table']);
    assert.deepEqual(await codes({ ...good, encrypt: true }), [422, 'backup-key-missing']);
    assert.equal((await ask('POST', '', good)).status, 201);
    assert.deepEqual(await codes(good), [409, 'schedule-state']);
    // JavaScript forgives the case of a zone's name, Temporal does not.
    assert.deepEqual(await codes({ ...good, id: 'zone', timezone: 'europe/berlin' }), [
      400,
      'invalid-request',
    ]);
    await ask('DELETE', '/good');
  });

  it('stay as they were when Temporal is told otherwise without the payload key', async () => {
    await ask('POST', '', { id: 'unsealed', kind: 'backup', cron: YEARLY, tables: ['jobs'] });
    const stranger = new Client({ connection: client.connection, namespace });
    const handle = stranger.schedule.getHandle(stack.inTemporal('schedule-unsealed'));
    for (const args of [[], [{ tables: null }]]) {
      await handle.delete();
      await stranger.schedule.create({
        scheduleId: handle.scheduleId,
        spec: { cronExpressions: ['* * * * *'] },
        state: { paused: true },
        action: {
          type: 'startWorkflow',
          workflowType: 'runSchedule',
          taskQueue: stack.installation.queue,
          args,
        },
      });
      const { status, body } = await ask<{ schedules: ScheduleAnswer[] }>('GET', '');
      assert.equal(status, 200);
      const [listed] = body.schedules.filter(({ id }) => id === 'unsealed');
      assert.deepEqual([listed?.cron, listed?.tables, listed?.broken], [YEARLY, ['jobs'], null]);
    }
    assert.equal((await ask('DELETE', '/unsealed')).status, 204);
  });

  it('are listed although one of them can not be read, which can be paused and deleted', async () => {
    await ask('POST', '', { id: 'sound', kind: 'backup', cron: YEARLY });
    await ask('POST', '', { id: 'wrecked', kind: 'drill', cron: YEARLY, tables: ['jobs'] });
    await client.schedule.getHandle(stack.inTemporal('schedule-wrecked')).update((before) => ({
      ...before,
      action: { ...before.action, args: [{ kind: 'drill', tables: 7 }] },
    }));
    const { status, body } = await ask<{ schedules: ScheduleAnswer[] }>('GET', '');
    assert.equal(status, 200, JSON.stringify(body));
    const listed = new Map(body.schedules.map((one) => [one.id, one]));
    assert.deepEqual([listed.get('sound')?.broken, listed.get('sound')?.cron], [null, YEARLY]);
    const { broken, cron, kind } = listed.get('wrecked')!;
    assert.deepEqual([broken?.code, cron, kind], ['schedule-broken', YEARLY, 'drill']);
    assert.match(
      `${broken?.message} ${broken?.remedy}`,
      /schedule wrecked was changed .*tables: .*Delete the schedule/,
    );

    assert.equal((await get('wrecked')).broken?.code, 'schedule-broken');
    for (const [method, path] of [
      ['POST', '/wrecked/trigger'],
      ['GET', '/wrecked/retention'],
    ] as const) {
      const refused = await ask<Problem>(method, path);
      assert.deepEqual([refused.status, refused.body.code], [409, 'schedule-broken']);
    }
    assert.deepEqual((await ask('PATCH', '/wrecked', { cron: '0 3 * * *' })).status, 409);
    const paused = await ask('POST', '/wrecked/pause');
    assert.deepEqual(
      [paused.status, paused.body.paused, paused.body.broken?.code],
      [200, true, 'schedule-broken'],
    );
    assert.equal((await ask('DELETE', '/wrecked')).status, 204);
    assert.equal((await ask('GET', '/wrecked')).status, 404);
    await ask('DELETE', '/sound');
  });

  it('leave alone the schedules of others', async () => {
    await client.schedule.create({
      scheduleId: 'somebodys',
      spec: { cronExpressions: [YEARLY] },
      action: { type: 'startWorkflow', workflowType: 'other', taskQueue: 'other' },
    });
    assert.equal((await ask('GET', '/somebodys')).status, 404);
    assert.equal((await ask('DELETE', '/somebodys')).status, 404);
    assert.equal((await ask('POST', '/somebodys/trigger')).status, 404);
    await ask('POST', '', { id: 'ours', kind: 'backup', cron: YEARLY });
    await eventually(
      async () => (await ask<{ schedules: ScheduleAnswer[] }>('GET', '')).body.schedules.map((s) => s.id),
      ['ours'],
    );
    await ask('DELETE', '/ours');
  });

  it('make backups, say which, and keep those that retention keeps', async () => {
    await stack.load('jobs', '1,Recruiter\n2,Manager\n');
    await ask('POST', '', {
      id: 'yearly',
      kind: 'backup',
      cron: YEARLY,
      tables: ['jobs'],
      retention: { keepLast: 1 },
    });
    const first = (await triggered('yearly')).lastRuns[0];
    assert.deepEqual([first?.status, first?.backup?.status], ['done', 'done'], JSON.stringify(first));
    const { body } = await stack.get(`/v1/backups/${first?.backup?.id}`);
    const backup = body as unknown as BackupView;
    assert.deepEqual(
      [backup.purpose, backup.scheduleId, backup.rows, backup.workflowId],
      ['schedule', 'yearly', 2, stack.inTemporal(`backup-${backup.id}`)],
    );
    const again = (await triggered('yearly')).lastRuns;
    assert.equal(again.length, 2);
    assert.equal(again[1]?.backup?.status, 'deleted');
    const [kept, ...more] = (await ask<RetentionPlan>('GET', '/yearly/retention')).body.keep;
    assert.deepEqual(more, []);
    assert.deepEqual(kept?.reasons, ['one of the last 1', 'last good backup of jobs']);
    await recordHistory(client, 'run-schedule-backup', again[0]?.workflowId ?? '', again[0]?.runId);
    await ask('DELETE', '/yearly');
  });

  it('leave after a year what the tiers keep, in the ledger and in the storage', async () => {
    await ask('POST', '', {
      id: 'daily',
      kind: 'backup',
      cron: '0 3 * * *',
      tables: ['jobs'],
      retention: { keepDaily: 7, keepWeekly: 4, keepMonthly: 12 },
    });
    const run = await triggered('daily');
    const id = run.lastRuns[0]?.backup?.id ?? '';
    assert.match(id, /^\d{8}T\d{6}Z-/);
    // The days before are copies of this one, files and all: a year of real runs would take minutes.
    const folder = join(stack.home, 'storage', 'backups');
    const today = Date.now();
    const copies = new Set<string>();
    for (let day = 1; day < 365; day++) {
      const startedAt = new Date(today - day * DAY_MS).toISOString();
      const copy = backupIdOfRun({ scheduleId: 'daily', runId: String(day).padStart(6, '0'), startedAt });
      await stack.db.query(
        `insert into longshore.backup
         select (jsonb_populate_record(b, jsonb_build_object('id', $2::text, 'workflow_id', 'backup-' || $2,
                 'snapshot_at', $3::text, 'created_at', $3::text))).*
           from longshore.backup b where id = $1`,
        [id, copy, startedAt],
      );
      copies.add(copy);
      await cp(join(folder, id), join(folder, copy), { recursive: true });
    }
    const preview = (await ask<RetentionPlan>('GET', '/daily/retention')).body;
    await triggered('daily');
    const left = await stack.db.query<{ id: string }>(
      `select id from longshore.backup where schedule_id = 'daily' and status = 'done' order by id desc`,
    );
    const files = await readdir(folder, { recursive: true });
    const names = files.filter((name) => name.endsWith('manifest.json')).map((name) => dirname(name));
    const ofYear = names.filter((name) => copies.has(name) || left.some((one) => one.id === name));
    assert.deepEqual(
      ofYear.sort().reverse(),
      left.map((one) => one.id),
    );
    // Of the two of today, the newer one counts.
    assert.equal(left.length, preview.keep.length);
    const months = new Set(left.map((one) => one.id.slice(0, 6)));
    assert.ok(
      months.size >= 12 && left.length >= 7 + 11 && left.length <= 7 + 4 + 12,
      `${left.length} are left`,
    );
    const days = left.slice(0, 7).map((one) => one.id.slice(0, 8));
    const expected = Array.from({ length: 7 }, (_, day) =>
      new Date(today - day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', ''),
    );
    assert.deepEqual(days, expected);
    await ask('DELETE', '/daily');
  });

  it('fail visibly, and remove nothing, when a backup fails', async () => {
    await ask('POST', '', {
      id: 'broken',
      kind: 'backup',
      cron: YEARLY,
      tables: ['jobs'],
      retention: { keepLast: 1 },
    });
    await triggered('broken');
    // Its argument names a table that the dictionary does not have any more.
    await client.schedule.getHandle(stack.inTemporal('schedule-broken')).update((before) => ({
      ...before,
      action: { ...before.action, args: [{ ...(before.action.args?.[0] as object), tables: ['lost'] }] },
    }));
    const { lastRuns } = await triggered('broken');
    assert.deepEqual(
      lastRuns.map(({ status, backup }) => [status, backup?.status]),
      [
        ['failed', undefined],
        ['done', 'done'],
      ],
    );
    const { workflowId, runId } = lastRuns[0]!;
    await recordHistory(client, 'run-schedule-failed', workflowId, runId);
    await assert.rejects(client.workflow.getHandle(workflowId, runId).result(), (error: Error) => {
      assert.match(String((error.cause as Error | undefined)?.message), /no table "lost"/);
      return true;
    });
    await ask('DELETE', '/broken');
  });

  it('come with the sample once', async () => {
    const lines: string[] = [];
    const options = { apiUrl: stack.url, adminKey: stack.key, log: (line: string) => void lines.push(line) };
    await makeSampleSchedules(options);
    assert.deepEqual(lines, ['schedule monthly-backup: 0 3 1 * *', 'schedule weekly-drill: 0 4 * * 0']);
    await ask('PATCH', '/monthly-backup', { cron: YEARLY });
    await makeSampleSchedules(options);
    assert.equal((await get('monthly-backup')).cron, YEARLY);
    assert.equal(lines.length, 2);
  });
});
