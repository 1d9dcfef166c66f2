import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import type { BackupView, Verification } from '../../src/backups/backup.ts';
import type { Difference } from '../../src/restores/differences.ts';
import { sweepStages } from '../../src/restores/end-restore.ts';
import type { RestoreView, TableChange } from '../../src/restores/restore.ts';
import { eventually } from '../support/eventually.ts';
import { recordHistory } from '../support/histories.ts';
import { TEST_SEALED } from '../support/sealed.ts';
import { testStack } from '../support/stack.ts';

const lines = (from: number, count: number, line: (id: number) => string) =>
  Array.from({ length: count }, (_, i) => `${line(from + i)}\n`).join('');
const departments = lines(1, 12, (id) => `${id},Department ${id}`);
const jobs = lines(1, 100, (id) => `${id},Job ${id}`);
const hires = (from: number, count: number) =>
  lines(from, count, (id) => `${id},Name ${id},2021-05-06T07:08:09Z,${1 + (id % 12)},${1 + (id % 100)}`);

const ALL = ['departments', 'jobs', 'hired_employees'];

describe('restores', async () => {
  const stack = await testStack({ after });
  const { db, get, load, post, rows, temporal } = stack;
  const connection = await Connection.connect({ address: temporal.address });
  after(() => connection.close());
  const client = new Client({ connection, namespace: temporal.namespace, ...TEST_SEALED });

  const backUp = async (body: object = {}) => {
    const { status, body: view } = await post('/v1/backups', body, { prefer: 'wait=50' });
    assert.equal(status, 201, JSON.stringify(view));
    return view as unknown as BackupView;
  };
  const send = async (path: string, body: object = {}, wait = 50) => {
    const answer = await post(path, body, { prefer: `wait=${wait}` });
    return { status: answer.status, body: answer.body as unknown as RestoreView & Problem };
  };
  interface Problem {
    readonly code?: string;
    readonly detail?: string;
    readonly restore?: RestoreView;
  }
  const done = async (path: string, body: object = {}) => {
    const answer = await send(path, body);
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body;
  };
  const contents = async () =>
    Object.fromEntries(await Promise.all(ALL.map(async (t) => [t, await rows(t)])));
  /** Everything of the data tables that the catalog knows and a restore has to leave as it is. */
  const catalog = () =>
    db.query(
      `select c.relname, c.relowner::regrole::text as owner, c.relacl::text as acl, obj_description(c.oid) as comment,
              array(select format('%s %s %s %s', attname, atttypid::regtype, attnotnull, col_description(c.oid, attnum))
                      from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum) as columns,
              array(select format('%s %s', conname, pg_get_constraintdef(oid)) from pg_constraint
                     where conrelid = c.oid order by conname) as constraints,
              array(select pg_get_indexdef(indexrelid) from pg_index where indrelid = c.oid order by 1) as indexes
         from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' order by 1`,
    );
  const stages = async () =>
    (
      await db.query(
        `select from pg_class where relnamespace = 'longshore_stage'::regnamespace and relkind = 'r'`,
      )
    ).length;
  const left = async () => ({
    stages: await stages(),
    gates: (await db.query('select from longshore.table_gate')).length,
    parts: (await db.query('select from longshore.restore_part')).length,
  });
  const NOTHING_LEFT = { stages: 0, gates: 0, parts: 0 };
  const change = (restore: RestoreView, table: string) =>
    restore.changes.find((one) => one.table === table) as TableChange;

  let first: BackupView;

  before(async () => {
    await load('departments', departments);
    await load('jobs', jobs);
    await load('hired_employees', hires(1, 5_000));
    await db.query(`comment on table jobs is 'what people do'`);
    await db.query('grant select on jobs to public');
    first = await backUp();
  });

  it('bring all tables back as they were, with keys, references, grants and comments', async () => {
    const [rowsBefore, catalogBefore] = [await contents(), await catalog()];
    await db.query('delete from hired_employees where id % 3 = 0');
    await db.query(`update hired_employees set name = 'changed' where id % 3 = 1 and id <= 300`);
    await db.query(`insert into hired_employees values (9001, 'new', now(), 1, 1)`);
    const restored = await done(`/v1/backups/${first.id}/restore`, { compare: true });
    assert.deepEqual(await contents(), rowsBefore);
    assert.deepEqual(await catalog(), catalogBefore);
    assert.deepEqual(change(restored, 'hired_employees'), {
      table: 'hired_employees',
      rowsNow: 5_001 - 1_666,
      rowsInBackup: 5_000,
      added: 1_666,
      removed: 1,
      changed: 100,
      broken: [],
    });
    assert.deepEqual(await left(), NOTHING_LEFT);
    assert.ok(restored.safetyBackupId);
    await recordHistory(client, 'restore-in-turns', restored.workflowId);
    await recordHistory(client, 'restore-keys-early', restored.workflowId);

    // Neither lists nor a look at one read the manifest, which may have megabytes.
    const path = `/v1/restores/${restored.id}`;
    const { progress } = (await get(path)).body as unknown as RestoreView;
    assert.deepEqual(
      [progress.rows, progress.rowsTotal],
      [progress.rowsTotal, Object.values(rowsBefore).flat().length],
    );
    const manifest = 'select manifest from longshore.backup where id = $1';
    const [saved] = await db.query<{ manifest: object }>(manifest, [first.id]);
    await db.query(`update longshore.backup set manifest = '{"tables": []}' where id = $1`, [first.id]);
    assert.deepEqual(((await get(path)).body as unknown as RestoreView).progress, progress);
    await db.query('update longshore.backup set manifest = $2 where id = $1', [
      first.id,
      JSON.stringify(saved!.manifest),
    ]);

    // What `latest` means is still the backup, not what the restore replaced.
    const again = await done('/v1/tables/hired_employees/restore', { backup: 'latest', dryRun: true });
    assert.equal(again.backupId, first.id);

    // Its safety backup undoes it.
    const undone = await done(`/v1/backups/${restored.safetyBackupId}/restore`);
    assert.deepEqual(change(undone, 'hired_employees'), {
      table: 'hired_employees',
      rowsNow: 5_000,
      rowsInBackup: 3_335,
      added: null,
      removed: null,
      changed: null,
      broken: [],
    });
    assert.equal((await rows('hired_employees')).length, 3_335);
    await done(`/v1/backups/${first.id}/restore`, { safety: false });
    assert.deepEqual(await contents(), rowsBefore);
  });

  it('make new loads and groups go past those that their rows name', async () => {
    await post('/v1/tables/jobs/rows', [{ id: 900, job: 'batch' }]);
    const { id } = await backUp({ tables: ['jobs'] });
    const newest = async () => {
      const [row] = await db.query<{ load: number; group: number }>(
        `select max(_load_id) filter (where _load_id < 2^32)::float8 as load, max(_load_id)::float8 as "group" from jobs`,
      );
      return row!;
    };
    const before = await newest();
    await db.query(`select setval(pg_get_serial_sequence('longshore.load', 'id'), 1, false)`);
    await db.query(`select setval('longshore.batch_group_id', ${2 ** 32}, false)`);
    await done(`/v1/backups/${id}/restore`);
    const given = await db.query<{ load: number; group: number }>(
      `select nextval(pg_get_serial_sequence('longshore.load', 'id'))::float8 as load,
              nextval('longshore.batch_group_id')::float8 as "group"`,
    );
    assert.deepEqual(given, [{ load: before.load + 1, group: before.group + 1 }]);
    // The ledger of this test is not lost: its own IDs are not to be given out again.
    await db.query(
      `select setval(pg_get_serial_sequence('longshore.load', 'id'), (select max(id) from longshore.load))`,
    );
    await db.query(`select setval('longshore.batch_group_id', (select max(id) from longshore.batch_group))`);
    await db.query('delete from jobs where id = 900');
    const path = `${stack.url}/v1/backups/${id}?force=true`;
    const removed = await fetch(path, { method: 'DELETE', headers: { 'x-api-key': stack.key } });
    assert.ok(removed.ok, await removed.text());
  });

  it('say in a dry run what they would change, and change nothing', async () => {
    await db.query('delete from hired_employees where id <= 10');
    await db.query(`insert into departments values (50, 'new')`);
    await db.query(`insert into hired_employees values (9001, 'new', now(), 50, 1)`);
    const before = await contents();
    const all = await done(`/v1/backups/${first.id}/restore`, { dryRun: true });
    assert.deepEqual(
      all.changes.map(({ table, added, removed, changed, broken }) => [
        table,
        added,
        removed,
        changed,
        broken,
      ]),
      [
        ['departments', 0, 1, 0, []],
        ['jobs', 0, 0, 0, []],
        ['hired_employees', 10, 1, 0, []],
      ],
    );
    const one = await done('/v1/tables/departments/restore', { backup: first.id, dryRun: true });
    assert.match(
      change(one, 'departments').broken.join(),
      /^hired_employees \(\w+\): 1 rows refer to rows of departments/,
    );
    await recordHistory(client, 'restore-dry-run', one.workflowId);
    assert.deepEqual(await contents(), before);
    assert.deepEqual(await left(), NOTHING_LEFT);
  });

  it('refuse to break a reference, and leave everything as it was', async () => {
    const before = [await contents(), await catalog()];
    const { status, body } = await send('/v1/tables/departments/restore', { backup: first.id });
    assert.deepEqual([status, body.code, body.restore?.status], [409, 'reference-broken', 'failed']);
    assert.match(body.detail ?? '', /hired_employees/);
    assert.deepEqual([await contents(), await catalog()], before);
    assert.deepEqual(await left(), NOTHING_LEFT);
    await recordHistory(client, 'restore-failed', body.restore!.workflowId);
  });

  it('bring back the rows of single keys', async () => {
    await done(`/v1/backups/${first.id}/restore`, { safety: false });
    const before = await rows('hired_employees');
    await db.query(`update hired_employees set name = 'changed' where id in (5, 6)`);
    await db.query('delete from hired_employees where id = 7');
    await db.query(
      `insert into hired_employees values (9001, 'new', now(), 1, 1), (9002, 'new', now(), 1, 1)`,
    );
    const keys = [['5'], ['7'], ['9001'], ['777777']];
    const dry = await done('/v1/tables/hired_employees/restore', { backup: first.id, keys, dryRun: true });
    const restored = await done('/v1/tables/hired_employees/restore', { backup: 'latest', keys });
    for (const { added, removed, changed } of [...dry.changes, ...restored.changes])
      assert.deepEqual([added, removed, changed], [1, 1, 1]);
    assert.ok(restored.safetyBackupId);
    const wanted = before.map((row) => (Number(row.id) === 6 ? { ...row, name: 'changed' } : row));
    const now = await rows('hired_employees');
    assert.deepEqual(
      now.filter(({ id }) => Number(id) !== 9002),
      wanted,
    );
    assert.equal(now.length, wanted.length + 1);
    const refused = await send('/v1/tables/hired_employees/restore', { backup: first.id, keys: [['x']] });
    assert.deepEqual([refused.status, refused.body.code], [400, 'invalid-request']);
  });

  it('bring a table back beside the live one, under another name', async () => {
    const before = [await contents(), (await catalog()).length];
    const restored = await done('/v1/tables/hired_employees/restore', { backup: first.id, as: 'hires_then' });
    assert.equal(restored.safetyBackupId, null);
    assert.equal((await rows('hires_then', 'longshore_copies')).length, 5_000);
    assert.deepEqual([await contents(), (await catalog()).length], before);
    const [key] = await db.query<{ definition: string }>(
      `select pg_get_constraintdef(oid) as definition from pg_constraint
        where conrelid = 'longshore_copies.hires_then'::regclass and contype = 'p'`,
    );
    assert.equal(key?.definition, 'PRIMARY KEY (id)');
    for (const as of ['hires_then', 'jobs', 'restore_1_0', 'a b', 'pg_class']) {
      const refused = await send('/v1/tables/hired_employees/restore', { backup: first.id, as });
      assert.deepEqual([refused.status, refused.body.code], [409, 'restore-state'], as);
    }
    await db.query('drop table longshore_copies.hires_then');
  });

  it('prove backups good, and touch no table', async () => {
    const before = [await contents(), await catalog()];
    const drilled = await done(`/v1/backups/${first.id}/verify`);
    assert.equal(drilled.kind, 'drill');
    const { verification, lastVerifiedAt } = (await get(`/v1/backups/${first.id}`))
      .body as unknown as BackupView;
    assert.ok(lastVerifiedAt);
    assert.deepEqual(
      verification?.tables.map(({ table, rows: n, matches }) => [table, n, matches]),
      [
        ['departments', 12, true],
        ['jobs', 100, true],
        ['hired_employees', 5_000, true],
      ],
    );
    assert.deepEqual([verification?.ok, verification?.faults], [true, []]);
    assert.deepEqual([await contents(), await catalog()], before);
    assert.deepEqual(await left(), NOTHING_LEFT);
    await recordHistory(client, 'drill', drilled.workflowId);
  });

  it('find every kind of damage, and name the file', async () => {
    const view = await backUp();
    const folder = join(stack.home, 'storage', 'backups', view.id);
    const part = view.tables[2]!.parts[0]!.name;
    const path = join(folder, part);
    const good = await readFile(path);
    const verify = async (): Promise<Verification> => {
      const { status, body } = await send(`/v1/backups/${view.id}/verify`);
      assert.deepEqual([status, body.code], [422, 'backup-damaged'], JSON.stringify(body));
      return ((await get(`/v1/backups/${view.id}`)).body as unknown as BackupView).verification!;
    };
    const flipped = Buffer.from(good);
    flipped[good.length >> 1]! ^= 1;
    const header = Buffer.from(good);
    header[header.indexOf('"name":"id"') + 8]! ^= 1;
    for (const [bytes, fault] of [
      [flipped, /SHA-256/],
      [header, /SHA-256/],
      [good.subarray(0, -1), /has \d+ bytes/],
    ] as const) {
      await writeFile(path, bytes);
      const { ok, faults } = await verify();
      assert.equal(ok, false);
      assert.equal(faults.length, 1);
      assert.ok(faults[0]?.startsWith(part), faults[0]);
      assert.match(faults[0] ?? '', fault);
      const before = await contents();
      const { status, body } = await send(`/v1/backups/${view.id}/restore`);
      assert.deepEqual([status, body.code], [422, 'backup-damaged']);
      assert.ok(body.detail?.startsWith(part), body.detail);
      assert.deepEqual(await contents(), before);
      assert.deepEqual(await left(), NOTHING_LEFT);
    }
    await rm(path);
    assert.match((await verify()).faults.join(), /the file is missing/);
    await writeFile(path, good);
    const manifest = join(folder, 'manifest.json');
    await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('"rows": 12,', '"rows": 13,'));
    assert.match((await verify()).faults.join(), /manifest.json/);
    // What a drill has found damaged is not the latest good one.
    await done('/v1/tables/jobs/restore', { backup: 'latest', dryRun: true }).then(({ backupId }) =>
      assert.notEqual(backupId, view.id),
    );
  });

  it('are compared with a table row by row, a page at a time', async () => {
    await done(`/v1/backups/${first.id}/restore`, { safety: false });
    await db.query('delete from hired_employees where id in (3, 100)');
    await db.query(`update hired_employees set name = 'changed' where id in (2, 50)`);
    await db.query(`insert into hired_employees values (9001, 'new', now(), 1, 1)`);
    type Page = { counts: TableChange; same: number; differences: Difference[]; next: string | null };
    const pages: Page[] = [];
    for (let next: string | null = `/v1/backups/${first.id}/diff?table=hired_employees&limit=2`; next; ) {
      const { status, body }: { status: number; body: unknown } = await get(next);
      assert.equal(status, 200, JSON.stringify(body));
      pages.push(body as Page);
      next = (body as Page).next;
    }
    assert.deepEqual(
      pages.flatMap(({ differences }) => differences.map(({ key, kind }) => [key[0], kind])),
      [
        ['2', 'changed'],
        ['3', 'added'],
        ['50', 'changed'],
        ['100', 'added'],
        ['9001', 'removed'],
      ],
    );
    assert.equal(pages.length, 3);
    assert.deepEqual(pages[0]?.differences[0]?.fields, { name: { backup: 'Name 2', now: 'changed' } });
    assert.equal(pages[0]?.differences[1]?.fields.datetime?.backup, '2021-05-06T07:08:09+00:00');
    const { counts, same } = pages[0]!;
    assert.deepEqual([counts.added, counts.removed, counts.changed, same], [2, 1, 2, 4_996]);
    // One stage served every page, and goes when its time is over.
    assert.equal(await stages(), 1);
    assert.equal(
      (await get(`/v1/backups/${first.id}/diff?table=jobs&after=eA`)).body.code,
      'invalid-request',
    );
    await db.query(`update longshore.restore set keep_until = now() where keep_until is not null`);
    await sweepStages(db);
    assert.deepEqual(await left(), NOTHING_LEFT);
  });

  it('lose no row of batches and loads that arrive meanwhile', async () => {
    await done(`/v1/backups/${first.id}/restore`, { safety: false });
    const acknowledged: number[] = [];
    let stop = false;
    const writer = async (from: number) => {
      for (let id = from; !stop; id++) {
        const row = { id, name: 'b', datetime: '2021-01-01T00:00:00Z', department_id: 1, job_id: 1 };
        const { status } = await post('/v1/tables/hired_employees/rows', [row]);
        if (status === 200 || status === 201) acknowledged.push(id);
      }
    };
    const writers = [100_000, 200_000, 300_000].map(writer);
    await eventually(async () => acknowledged.length > 20, true);
    const restoring = done('/v1/tables/hired_employees/restore', { backup: first.id });
    const loading = load('hired_employees', hires(400_000, 1_000));
    const restored = await restoring;
    const until = acknowledged.length + 20;
    await eventually(async () => acknowledged.length > until, true);
    stop = true;
    await Promise.all(writers);
    assert.equal((await loading).body.status, 'done');
    const now = new Set((await rows('hired_employees')).map(({ id }) => Number(id)));
    const saved = new Set(await idsOf(restored.safetyBackupId!));
    const lost = acknowledged.filter((id) => !now.has(id) && !saved.has(id));
    assert.deepEqual(lost, [], 'each is in the table, or in the safety backup');
    assert.ok(
      acknowledged.some((id) => now.has(id) && !saved.has(id)),
      'rows came after the restore',
    );
    const loaded = [...now].filter((id) => id >= 400_000).length;
    assert.equal(loaded + [...saved].filter((id) => id >= 400_000).length, 1_000, 'of the load, all or none');
    for (let id = 1; id <= 5_000; id++) assert.ok(now.has(id));
  });

  it('wait for each other, and leave everything as it was when cancelled', async () => {
    const before = [await contents(), await catalog()];
    const [made] = await db.query<{ id: number }>(
      `insert into longshore.restore (kind, backup_id, tables, target, status, workflow_id, started_by, finished_at)
       values ('restore', $1, '{jobs}', '{}', 'done', 'restore-other', 'test', now()) returning id`,
      [first.id],
    );
    await db.query('insert into longshore.table_gate values ($1, $2)', ['jobs', made!.id]);
    const { body: waiting } = await send(`/v1/backups/${first.id}/restore`, {}, 0);
    await eventually(async () => (await get(`/v1/restores/${waiting.id}`)).body.status, 'waiting');
    assert.equal((await post(`/v1/restores/${waiting.id}/cancel`)).status, 202);
    await eventually(async () => (await get(`/v1/restores/${waiting.id}`)).body.status, 'cancelled');
    assert.deepEqual(await left(), { ...NOTHING_LEFT, gates: 1 });
    await recordHistory(client, 'restore-cancelled', waiting.workflowId);
    const { body: second } = await send(`/v1/backups/${first.id}/restore`, {}, 0);
    await eventually(async () => (await get(`/v1/restores/${second.id}`)).body.status, 'waiting');
    assert.deepEqual([await contents(), await catalog()], before);
    await db.query('delete from longshore.table_gate');
    await eventually(async () => (await get(`/v1/restores/${second.id}`)).body.status, 'done');
  });

  it('are ended, with their gates, when their workflow is terminated', async () => {
    await db.query(
      `insert into longshore.table_gate select 'jobs', id from longshore.restore where workflow_id = 'restore-other'`,
    );
    const { body: waiting } = await send(`/v1/backups/${first.id}/restore`, {}, 0);
    await eventually(async () => (await get(`/v1/restores/${waiting.id}`)).body.status, 'waiting');
    await client.workflow.getHandle(waiting.workflowId).terminate('test');
    await eventually(
      async () => (await get(`/v1/restores/${waiting.id}`)).body.error?.code,
      'restore-terminated',
    );
    await db.query('delete from longshore.table_gate');
    assert.deepEqual(await left(), NOTHING_LEFT);
  });

  async function idsOf(backupId: string): Promise<number[]> {
    const as = `saved_${backupId.slice(-6)}`;
    await done('/v1/tables/hired_employees/restore', { backup: backupId, as });
    const found = await rows(as, 'longshore_copies');
    await db.query(`drop table longshore_copies."${as}"`);
    return found.map(({ id }) => Number(id));
  }
});
