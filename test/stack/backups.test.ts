import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { decodeAvro } from '../../src/avro/decode.ts';
import { readAvroRows } from '../../src/avro/read-rows.ts';
import type { BackupSummary, BackupView, Manifest } from '../../src/backups/backup.ts';
import { NO_KEYS } from '../../src/backups/backup-keys.ts';
import { removeOldSafety } from '../../src/backups/safety-retention.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import { eventually, until } from '../support/eventually.ts';
import { TEST_SEALED } from '../support/sealed.ts';
import { testStack } from '../support/stack.ts';

const lines = (from: number, count: number, line: (id: number) => string) =>
  Array.from({ length: count }, (_, i) => `${line(from + i)}\n`).join('');
const departments = lines(1, 12, (id) => `${id},Department ${id}`);
const jobs = lines(1, 100, (id) => `${id},Job ${id}`);
const hires = (from: number, count: number) =>
  lines(from, count, (id) => `${id},Name ${id},2021-05-06T07:08:09Z,${1 + (id % 12)},${1 + (id % 100)}`);

const TEST_LOCK = 4711;

describe('backups', async () => {
  const stack = await testStack({ after });
  const { db, get, key, load, post, temporal, url } = stack;
  const connection = await Connection.connect({ address: temporal.address });
  after(() => connection.close());
  const client = new Client({ connection, namespace: temporal.namespace, ...TEST_SEALED });
  const storage = await openStorage(`file:${stack.home}/storage`);

  const backUp = async (body: object = {}) => {
    const { status, body: view } = await post('/v1/backups', body, { prefer: 'wait=50' });
    assert.equal(status, 201, JSON.stringify(view));
    return view as unknown as BackupView;
  };
  const viewOf = async (id: string) => (await get(`/v1/backups/${id}`)).body as unknown as BackupView;
  const download = (id: string, name: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/v1/backups/${id}/files/${name}`, { headers: { 'x-api-key': key, ...headers } });
  const filesOf = (id: string) => storage.list(`backups/${id}/`);
  const remove = async (path: string) => {
    const response = await fetch(url + path, { method: 'DELETE', headers: { 'x-api-key': key } });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  // Parts of jobs wait, before they are in the ledger, for whoever holds this lock.
  await db.query(
    `create function wait_for_test() returns trigger language plpgsql as $$ begin
       if new.table_name = 'jobs' then perform pg_advisory_xact_lock(${TEST_LOCK}); end if;
       return new;
     end $$`,
  );
  await db.query(
    `create trigger wait_for_test before insert on longshore.backup_part
       for each row execute function wait_for_test()`,
  );

  it('hold every table as it is, in parts whose rows, hashes and checksums add up', async () => {
    await load('departments', departments);
    await load('jobs', jobs);
    const { body: loaded } = await load('hired_employees', hires(1, 5_000));
    const view = await backUp();
    assert.deepEqual(
      view.tables.map(({ table, rows }) => [table, rows]),
      [
        ['departments', 12],
        ['jobs', 100],
        ['hired_employees', 5_000],
      ],
    );
    assert.deepEqual([view.status, view.rows, view.codec, view.encrypted], ['done', 5_112, 'deflate', false]);
    const manifest = (await (await download(view.id, 'manifest.json')).json()) as Manifest;
    assert.equal(manifest.tables.at(-1)?.lastLoadId, loaded.id);
    for (const { definition, parts, rows, checksum } of manifest.tables) {
      for (const part of parts) {
        const bytes = Buffer.from(await (await download(view.id, part.name)).arrayBuffer());
        assert.equal(bytes.length, part.bytes);
        assert.equal(createHash('sha256').update(bytes).digest('hex'), part.sha256);
        const decoded = decodeAvro(one(bytes), { table: definition });
        let step = await decoded.next();
        while (!step.done) step = await decoded.next();
        assert.deepEqual(step.value, { rows: part.rows, checksum: part.checksum });
      }
      assert.equal(
        rows,
        parts.reduce((sum, part) => sum + part.rows, 0),
      );
      assert.equal(checksum.length, 16);
    }
    assert.deepEqual(
      (await filesOf(view.id)).map((name) => name.split('/').at(-1)).sort(),
      [
        'manifest.json',
        'manifest.json.sha256',
        ...manifest.tables.flatMap((t) => t.parts).map((p) => p.name),
      ].sort(),
    );
  });

  it('are downloaded in ranges and not again when unchanged', async () => {
    const { id } = await backUp({ tables: ['jobs'] });
    const whole = await download(id, 'manifest.json');
    const text = await whole.text();
    assert.equal(whole.headers.get('content-length'), String(Buffer.byteLength(text)));
    const etag = whole.headers.get('etag') ?? '';
    assert.equal(etag, `"${createHash('sha256').update(text).digest('hex')}"`);
    const part = await download(id, 'manifest.json', { range: 'bytes=2-9' });
    assert.deepEqual([part.status, await part.text()], [206, text.slice(2, 10)]);
    assert.equal(part.headers.get('content-range'), `bytes 2-9/${text.length}`);
    const tail = await download(id, 'manifest.json', { range: 'bytes=-5' });
    assert.deepEqual([tail.status, await tail.text()], [206, text.slice(-5)]);
    const other = await download(id, 'manifest.json', { range: 'bytes=2-9', 'if-range': '"x"' });
    assert.deepEqual([other.status, await other.text()], [200, text]);
    const beyond = await download(id, 'manifest.json', { range: `bytes=${text.length}-` });
    assert.deepEqual([beyond.status, beyond.headers.get('content-range')], [416, `bytes */${text.length}`]);
    assert.equal((await download(id, 'manifest.json', { 'if-none-match': etag })).status, 304);
    for (const name of ['manifest.json.sha256', 'nothing.avro', '..%2F..%2Fjobs']) {
      assert.equal((await download(id, name)).status, 404, name);
    }
  });

  it('refuse unknown tables, bodies and backups', async () => {
    const refused = async (body: object) => {
      const answer = await post('/v1/backups', body);
      return [answer.status, answer.body.code];
    };
    assert.deepEqual(await refused({ tables: ['nothing'] }), [404, 'unknown-table']);
    assert.deepEqual(await refused({ tables: [] }), [400, 'invalid-request']);
    assert.deepEqual(await refused({ codec: 'snappy' }), [400, 'invalid-request']);
    assert.deepEqual(await refused({ encrypt: true }), [422, 'backup-key-missing']);
    assert.equal((await get('/v1/backups/20260101T000000Z-000000')).status, 404);
    assert.equal((await get('/v1/backups?status=good')).status, 400);
  });

  it('are listed by table, status and purpose, a page at a time', async () => {
    const { id } = await backUp({ tables: ['departments'] });
    const list = async (query: string) => {
      const { body } = await get(`/v1/backups?${query}`);
      return body as unknown as { backups: BackupView[]; next: string | null };
    };
    assert.deepEqual(
      (await list('table=departments&limit=1')).backups.map((b) => b.id),
      [id],
    );
    assert.deepEqual((await list('status=failed')).backups, []);
    assert.deepEqual((await list('purpose=safety')).backups, []);
    const all = (await list('limit=500')).backups.map((b) => b.id);
    const paged: string[] = [];
    for (let next: string | null = '/v1/backups?limit=1'; next; ) {
      const page = (await get(next)).body as unknown as { backups: BackupView[]; next: string | null };
      paged.push(...page.backups.map((b) => b.id));
      next = page.next;
    }
    assert.deepEqual(paged, all);
  });

  it('are as small in a list with a thousand tables as with three, and read in full one by one', async () => {
    const { id } = await backUp({});
    const tables = Array.from({ length: 1000 }, (_, n) => `table_${n}`);
    const large = '20991231T235959Z-000001';
    const manifest = {
      tables: tables.map((table) => ({ table, rows: 1, parts: [{ name: `${table}-0.avro` }] })),
    };
    await db.query(
      `insert into longshore.backup
       select (jsonb_populate_record(b, jsonb_build_object('id', $2::text, 'workflow_id', $2::text, 'tables', $3::jsonb,
               'manifest', $4::jsonb, 'parts_total', 1000, 'created_at', now() + interval '1 minute'))).*
         from longshore.backup b where id = $1`,
      [id, large, JSON.stringify(tables), JSON.stringify(manifest)],
    );
    const { body } = await get('/v1/backups?limit=2');
    const { backups } = body as unknown as { backups: (BackupSummary & { links: object })[] };
    assert.deepEqual(
      backups.map((one) => [one.id, one.tables.length, one.tablesTotal, one.parts]),
      [
        [large, 20, 1000, 1000],
        [id, 3, 3, 3],
      ],
    );
    assert.ok(JSON.stringify(backups[0]).length < 4_000);
    const {
      tables: whole,
      verification,
      ...facts
    } = (await get(`/v1/backups/${id}`)).body as unknown as BackupView;
    const { tables: listed, tablesTotal, verification: found, ...summary } = backups[1]!;
    assert.deepEqual(summary, facts);
    assert.deepEqual([listed, found], [whole.map(({ table }) => ({ table })), verification]);
    await db.query('delete from longshore.backup where id = $1', [large]);
  });

  it('never hold a row without the rows that it refers to, whatever is written meanwhile', async () => {
    let stop = false;
    const writing = (async () => {
      for (let id = 1_000; !stop; id++) {
        await db.query(`insert into departments values ($1, 'd')`, [id]);
        await db.query(`insert into hired_employees values ($1 + 100000, 'n', now(), $1, 1)`, [id]);
      }
    })();
    await until(
      () => db.query('select from departments where id >= 1000'),
      (written) => written.length > 0,
    );
    for (let round = 0; round < 3; round++) {
      const view = await backUp();
      const [parents, children] = [await column(view, 'departments'), await references(view)];
      assert.ok(parents.size > 12, 'written while the backup ran');
      for (const id of children) assert.ok(parents.has(id), `department ${id} is missing`);
    }
    stop = true;
    await writing;
  });

  it('keep a publish waiting, and no reader', async () => {
    const running = await heldUp();
    const before = (await stack.rows('departments')).length;
    const headers = { 'content-type': 'text/csv', 'x-api-key': key };
    const csv = `${departments}5000,New\n`;
    const response = await fetch(`${url}/v1/tables/departments/loads?mode=merge`, {
      method: 'POST',
      headers,
      body: csv,
    });
    const started = (await response.json()) as { id: number };
    await eventually(
      async () => (await get(`/v1/loads/${started.id}`)).body.waitingFor?.code,
      'table-backing-up',
    );
    assert.equal((await stack.rows('departments')).length, before);
    await running.letGo();
    await eventually(async () => (await get(`/v1/loads/${started.id}`)).body.status, 'done');
    assert.equal((await viewOf(running.id)).status, 'done');
    assert.equal((await stack.rows('departments')).length, before + 1);
  });

  it('begin again with another snapshot when theirs is lost', async () => {
    const running = await heldUp();
    const [holder] = await db.query<{ ended: boolean }>(
      `select pg_terminate_backend(pid) as ended from pg_stat_activity
        where datname = current_database() and application_name like 'longshore holdSnapshot %'
          and state = 'idle in transaction'`,
    );
    assert.equal(holder?.ended, true);
    await eventually(async () => (await attemptOf(running.id)) > 1, true);
    await running.letGo();
    await eventually(async () => (await viewOf(running.id)).status, 'done');
    const named = (await viewOf(running.id)).tables.flatMap(({ parts }) => parts.map(({ name }) => name));
    assert.equal(
      (await filesOf(running.id)).length,
      named.length + 2,
      'nothing of the first attempt is left',
    );
  });

  it('leave nothing behind when cancelled', async () => {
    const running = await heldUp();
    assert.equal((await post(`/v1/backups/${running.id}/cancel`)).status, 202);
    await eventually(async () => (await viewOf(running.id)).status, 'cancelled');
    await running.letGo();
    await eventually(() => filesOf(running.id), []);
    await eventually(snapshots, 0);
    assert.equal((await download(running.id, 'manifest.json')).status, 409);
    assert.equal((await post(`/v1/backups/${running.id}/cancel`)).status, 409);
  });

  it('are cleaned up when their workflow is terminated', async () => {
    const running = await heldUp();
    await client.workflow.getHandle(stack.inTemporal(`backup-${running.id}`)).terminate('test');
    await eventually(async () => (await viewOf(running.id)).error?.code, 'backup-terminated');
    await running.letGo();
    await eventually(() => filesOf(running.id), []);
    await eventually(snapshots, 0);
  });

  it('are deleted unless they are pinned, or the last good one of a table', async () => {
    for (const { id } of ((await get('/v1/backups?limit=500')).body as unknown as { backups: BackupView[] })
      .backups) {
      await remove(`/v1/backups/${id}?force=true`);
    }
    const first = await backUp({ tables: ['jobs', 'departments'], pin: true });
    const path = `/v1/backups/${first.id}`;
    assert.equal((await remove(`${path}?force=true`)).body.code, 'backup-state');
    assert.equal((await post(`${path}/unpin`)).status, 200);
    assert.match(String((await remove(path)).body.detail), /last good backup of/);
    await backUp({ tables: ['jobs'] });
    assert.match(String((await remove(path)).body.detail), /last good backup of departments/);
    const other = await backUp({ tables: ['departments'] });
    await db.query(`update longshore.backup set purpose = 'safety' where id = $1`, [other.id]);
    assert.match(String((await remove(path)).body.detail), /last good backup of departments/);
    await db.query(`update longshore.backup set verification = '{"ok": false}' where id = $1`, [first.id]);
    assert.match(String((await remove(path)).body.detail), /damaged, but there is no good backup of/);
    await db.query(`update longshore.backup set purpose = 'manual' where id = $1`, [other.id]);
    assert.equal((await remove(path)).body.status, 'deleted');
    assert.deepEqual(await filesOf(first.id), []);
    // Nor an empty folder, and the others are where they were.
    const folders = await readdir(`${stack.home}/storage/backups`);
    assert.ok(!folders.includes(first.id) && folders.includes(other.id));
    assert.equal((await viewOf(first.id)).status, 'deleted');
    assert.equal((await remove('/v1/backups/20260101T000000Z-000000')).status, 404);
  });

  it('made by restores go after a month, but for the newest of a table and those that are pinned', async () => {
    const made: string[] = [];
    for (const [days, tables] of [
      [90, ['departments', 'jobs']],
      [80, ['jobs']],
      [70, ['jobs']],
      [60, ['jobs']],
      [20, ['jobs']],
    ] as const) {
      const { id } = await backUp({ tables });
      made.push(id);
      await db.query(
        `update longshore.backup set purpose = 'safety', snapshot_at = now() - make_interval(days => $2) where id = $1`,
        [id, days],
      );
    }
    await post(`/v1/backups/${made[1]}/pin`);
    await db.query(`update longshore.backup set verification = '{"ok": false}' where id = $1`, [made[2]]);
    assert.deepEqual(await removeOldSafety({ db, storage, keys: NO_KEYS }), { removed: [made[3]], left: [] });
    assert.deepEqual(await filesOf(made[3]!), []);
    assert.deepEqual((await removeOldSafety({ db, storage, keys: NO_KEYS })).removed, []);
  });

  /** A backup of departments and jobs that has its snapshot and its first part, and can't get on with jobs. */
  async function heldUp() {
    const client = await db.connect();
    await client.query(`select pg_advisory_lock(${TEST_LOCK})`);
    const { body } = await post('/v1/backups', { tables: ['departments', 'jobs'] });
    const { id } = body as unknown as BackupView;
    await eventually(async () => (await viewOf(id)).parts, 1);
    await eventually(async () => (await filesOf(id)).length, 2);
    return { id, letGo: () => client.end() };
  }

  async function attemptOf(id: string): Promise<number> {
    const [row] = await db.query<{ attempt: number }>('select attempt from longshore.backup where id = $1', [
      id,
    ]);
    return row?.attempt ?? 0;
  }

  async function snapshots(): Promise<number> {
    const held = await db.query(
      `select from pg_locks l join pg_database d on d.oid = l.database
        where d.datname = current_database() and locktype = 'advisory' and mode = 'ShareLock'`,
    );
    return held.length;
  }

  async function column(view: BackupView, table: string): Promise<Set<string>> {
    return new Set((await cells(view, table)).map((row) => row[0] ?? ''));
  }

  async function references(view: BackupView): Promise<string[]> {
    return (await cells(view, 'hired_employees')).map((row) => row[3] ?? '');
  }

  async function cells(view: BackupView, table: string): Promise<readonly (string | null)[][]> {
    const manifest = (await (await download(view.id, 'manifest.json')).json()) as Manifest;
    const of = manifest.tables.find((one) => one.table === table)!;
    const rows: (string | null)[][] = [];
    for (const { name } of of.parts) {
      const bytes = Buffer.from(await (await download(view.id, name)).arrayBuffer());
      for await (const row of readAvroRows(one(bytes), of.definition)) rows.push([...row]);
    }
    return rows;
  }
});

async function* one(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
