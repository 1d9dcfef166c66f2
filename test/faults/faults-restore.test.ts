import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { BackupView, Manifest } from '../../src/backups/backup.ts';
import type { LoadView } from '../../src/loads/load-view.ts';
import type { RestoreStatus, RestoreView } from '../../src/restores/restore.ts';
import { departmentsCsv, hiresCsv, jobsCsv } from '../../src/sample/generate.ts';
import { databaseUrl } from '../support/database-url.ts';
import { type Role, testPlatform } from '../support/platform.ts';

const ROWS = 300_000;
const DONE_LIMIT_MS = 240_000;

/** Kill -9 of each process in the middle of a backup or a restore: it ends by itself, exactly right. */
describe('faults of backups and restores', async () => {
  const platform = await testPlatform({ after });
  const headers = { 'x-api-key': platform.adminKey };
  let backup: BackupView;
  let wanted: unknown;

  before(async () => {
    await load('departments', [departmentsCsv({ seed: 1, hires: 0 })]);
    await load('jobs', [jobsCsv({ seed: 1, hires: 0 })]);
    await load('hired_employees', [...hiresCsv({ seed: 7, hires: ROWS, badShare: 0 })]);
    const { id } = await send<BackupView>('/v1/backups', '{}', 'application/json');
    backup = await until<BackupView>(`/v1/backups/${id}`, ({ status }) => status === 'done');
    wanted = await state();
  });

  for (const role of ['worker-1', 'api', 'postgres', 'temporal'] as const) {
    it(`a backup survives kill -9 of ${role}`, async () => {
      const { id } = await send<BackupView>('/v1/backups', '{}', 'application/json');
      const path = `/v1/backups/${id}`;
      // Its snapshot is held and its parts are being written.
      const seen = await until<BackupView>(
        path,
        ({ snapshotAt, status }) => snapshotAt !== null || status !== 'running',
      );
      assert.equal(seen.status, 'running', 'the backup ended before the fault');
      platform.kill(role);
      const done = await until<BackupView>(path, ({ status }) => status !== 'running');
      assert.equal(done.status, 'done', JSON.stringify(done.error));
      assert.deepEqual(await sums(id), await sums(backup.id));
      const drill = await send<RestoreView>(`${path}/verify`, '{}', 'application/json');
      const proved = await until<RestoreView>(
        `/v1/restores/${drill.id}`,
        ({ finishedAt }) => finishedAt !== null,
      );
      assert.equal(proved.status, 'done', JSON.stringify(proved.error));
    });
  }

  const faults: readonly (readonly [Role, RestoreStatus])[][] = [
    [
      ['worker-1', 'staging'],
      ['postgres', 'publishing'],
    ],
    [
      ['temporal', 'staging'],
      ['api', 'saving'],
    ],
    [
      ['postgres', 'staging'],
      ['worker-1', 'publishing'],
    ],
  ];
  for (const kills of faults) {
    const named = kills.map(([role, during]) => `${role} while it is ${during}`).join(' and of ');
    it(`a restore survives kill -9 of ${named}`, async () => {
      await spoil();
      const { id } = await send<RestoreView>(`/v1/backups/${backup.id}/restore`, '{}', 'application/json');
      const path = `/v1/restores/${id}`;
      for (const [role, during] of kills) {
        const seen = await until<RestoreView>(
          path,
          ({ status, finishedAt }) => status === during || finishedAt !== null,
        );
        assert.equal(seen.finishedAt, null, `the restore ended before ${role} was killed`);
        platform.kill(role);
      }
      const done = await until<RestoreView>(path, ({ finishedAt }) => finishedAt !== null);
      assert.equal(done.status, 'done', JSON.stringify(done.error));
      assert.deepEqual(await state(), wanted);
      const safety = await until<BackupView>(`/v1/backups/${done.safetyBackupId}`, () => true);
      assert.equal(safety.status, 'done');
      assert.equal(safety.tables.find(({ table }) => table === 'hired_employees')?.rows, ROWS - ROWS / 4);
    });
  }

  it('a restore goes on after kill -9 of everything at once', async () => {
    await spoil();
    const { id } = await send<RestoreView>(`/v1/backups/${backup.id}/restore`, '{}', 'application/json');
    await until<RestoreView>(`/v1/restores/${id}`, ({ status }) => status === 'saving' || status === 'done');
    await platform.killAll();
    const second = await testPlatform({ after }, { home: platform.home });
    const done = await until<RestoreView>(
      `/v1/restores/${id}`,
      ({ finishedAt }) => finishedAt !== null,
      second.apiUrl,
    );
    assert.equal(done.status, 'done', JSON.stringify(done.error));
    assert.deepEqual(await state(), wanted);
  });

  async function get<T>(path: string, apiUrl = platform.apiUrl): Promise<T | undefined> {
    try {
      const response = await fetch(apiUrl + path, { headers });
      return response.ok ? ((await response.json()) as T) : undefined;
    } catch {
      // Something is dead: ask again.
      return undefined;
    }
  }

  async function until<T>(path: string, test: (seen: T) => boolean, apiUrl?: string): Promise<T> {
    const deadline = Date.now() + DONE_LIMIT_MS;
    for (;;) {
      const seen = await get<T>(path, apiUrl);
      if (seen !== undefined && test(seen)) return seen;
      assert.ok(Date.now() < deadline, `${path} did not get there: ${JSON.stringify(seen)}`);
      await sleep(20);
    }
  }

  async function send<T>(path: string, body: string | Buffer, type: string): Promise<T> {
    const response = await fetch(platform.apiUrl + path, {
      method: 'POST',
      headers: { ...headers, 'content-type': type },
      body: typeof body === 'string' ? body : new Uint8Array(body),
    });
    assert.equal(response.status, 202, await response.clone().text());
    return (await response.json()) as T;
  }

  /** Rows and checksum of each table, as the manifest has them. */
  async function sums(id: string): Promise<unknown> {
    const { tables } = await until<Manifest>(`/v1/backups/${id}/files/manifest.json`, () => true);
    return tables.map(({ table, rows, checksum }) => [table, rows, checksum]);
  }

  async function load(table: string, csv: Buffer[]): Promise<void> {
    const { id } = await send<LoadView>(`/v1/tables/${table}/loads`, Buffer.concat(csv), 'text/csv');
    await until<LoadView>(`/v1/loads/${id}`, ({ status }) => status === 'done');
  }

  async function query(sql: string): Promise<Record<string, unknown>[]> {
    for (const deadline = Date.now() + DONE_LIMIT_MS; ; await sleep(200)) {
      const db = new pg.Client({ connectionString: databaseUrl(platform.home) });
      db.on('error', () => undefined);
      try {
        await db.connect();
        return (await db.query(sql)).rows;
      } catch (error) {
        if (Date.now() > deadline) throw error;
      } finally {
        await db.end().catch(() => undefined);
      }
    }
  }

  /** A quarter of the rows is gone, and others are changed. */
  async function spoil(): Promise<void> {
    await query('delete from hired_employees where id % 4 = 0');
    await query(`update hired_employees set name = 'changed' where id % 1000 = 1`);
  }

  /** What the tables hold and what hangs on them; and that nothing of a restore is left. */
  async function state(): Promise<unknown> {
    return query(
      `select count(*) as rows, sum(hashtextextended(h::text, 0)) as hash,
              (select array_agg(conname || ' ' || pg_get_constraintdef(oid) order by conname) from pg_constraint
                where conrelid = 'hired_employees'::regclass) as constraints,
              (select count(*) from pg_class where relnamespace = 'longshore_stage'::regnamespace) as stages,
              (select count(*) from longshore.table_gate) as gates
         from hired_employees h`,
    );
  }
});
