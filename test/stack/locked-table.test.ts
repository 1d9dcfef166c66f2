import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import pg from 'pg';
import { eventually, until } from '../support/eventually.ts';
import { testStack } from '../support/stack.ts';

const TABLES = ['locked', 'free', 'other'] as const;
const dictionary = {
  resources: TABLES.map((name) => ({
    name,
    schema: {
      fields: [
        { name: 'id', type: 'integer' },
        { name: 'name', type: 'string' },
      ],
      primaryKey: 'id',
    },
  })),
};
const csv = (from: number) => `id,name\n${from},a\n${from + 1},b\n`;
const HELD_BY = /^locked is locked by process \d+ \(psql of a test, role \w+, .*for \d+ s\)$/;
/** Far longer than an answer takes on a busy machine, and shorter than anything waits for a lock. */
const AT_ONCE_MS = 10_000;

interface Timed {
  readonly status: number;
  readonly body: Record<string, unknown> & {
    readonly id?: number;
    readonly code?: string;
    readonly detail?: string;
  };
}

describe('a table that somebody has locked', async () => {
  const stack = await testStack({ after }, dictionary);
  const { db, get, load, post } = stack;
  for (const table of TABLES) assert.equal((await load(table, csv(1))).body.status, 'done');
  const backup = (await post('/v1/backups', { tables: ['locked'] }, { prefer: 'wait=50' })).body;
  assert.equal(backup.status, 'done');

  /** Somebody's session with a lock on the table. */
  async function lockedBy(
    mode: string,
    work: (release: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const client = new pg.Client({ connectionString: stack.databaseUrl, application_name: 'psql of a test' });
    await client.connect();
    const release = async () => {
      await client.query('rollback');
    };
    try {
      await client.query(`begin; lock table public.locked in ${mode} mode`);
      await work(release);
    } finally {
      await client.end();
    }
  }

  const call = async (path: string, init: RequestInit = {}): Promise<Timed> => {
    const response = await fetch(stack.url + path, {
      ...init,
      headers: { 'x-api-key': stack.key, ...init.headers },
      signal: AbortSignal.timeout(AT_ONCE_MS),
    });
    const text = await response.text();
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : { text } };
  };
  const sendRows = (table: string, id: number) =>
    call(`/v1/tables/${table}/rows`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ id, name: 'x' }]),
    });
  const startLoad = async (table: string, from: number) => {
    const headers = { 'content-type': 'text/csv' };
    const { body } = await call(`/v1/tables/${table}/loads`, { method: 'POST', headers, body: csv(from) });
    return Number(body.id);
  };
  const waitingFor = (path: string) => async () =>
    (await call(path)).body.waitingFor as { code: string; message: string } | null;
  const lockOf = (path: string) => until(waitingFor(path), (found) => found?.code === 'table-locked');

  it('keeps nothing else waiting, though all that needs it waits', async () => {
    await lockedBy('access exclusive', async (release) => {
      const reading = Array.from({ length: 50 }, () => call('/v1/tables/locked/rows'));
      const writing = Array.from({ length: 20 }, (_, n) =>
        stack.post('/v1/tables/locked/rows', [{ id: 100 + n, name: 'waits' }], { prefer: 'wait=50' }),
      );
      const loads = [];
      for (let n = 0; n < 4; n++) loads.push(await startLoad('locked', 1_000 + 10 * n));
      const { id: waiting } = (await post('/v1/backups', { tables: ['locked'] })).body;

      const lists = Array.from({ length: 10 }, () => call('/v1/tables'));
      for (let round = 0; round < 5; round++) {
        for (const path of [
          '/readyz',
          '/metrics',
          '/v1/loads',
          '/v1/backups',
          '/v1/tables/free/rows',
          '/v1/keys',
        ]) {
          assert.equal((await call(path)).status, 200, path);
        }
        assert.equal((await sendRows('free', 100 + round)).status, 201);
      }
      const { body } = await load('other', csv(100), { force: 'true' });
      assert.equal(body.status, 'done');
      const saved = await post('/v1/backups', { tables: ['free'] }, { prefer: 'wait=50' });
      assert.equal(saved.body.status, 'done');

      for (const { status, body } of await Promise.all(reading)) {
        assert.deepEqual([status, body.code], [503, 'table-locked'], JSON.stringify(body));
        assert.match(body.detail ?? '', HELD_BY);
      }
      for (const { status } of await Promise.all(lists)) assert.equal(status, 200);
      for (const path of [`/v1/loads/${loads[0]}`, `/v1/backups/${waiting}`]) {
        assert.match((await lockOf(path))?.message ?? '', HELD_BY, path);
      }
      await release();
      for (const { status } of await Promise.all(writing)) assert.equal(status, 201);
      for (const id of loads)
        await eventually(async () => (await get(`/v1/loads/${id}`)).body.status, 'done');
      await eventually(async () => (await get(`/v1/backups/${waiting}`)).body.status, 'done');
      const rows = await stack.rows('locked');
      assert.deepEqual(rows.length, 2 + 20 + 8);
      assert.equal((await get(`/v1/loads/${loads[0]}`)).body.waitingFor, null);
    });
  });

  it('is named by a load, a restore and a cancel that wait for it, and a cancel ends the wait', async () => {
    await lockedBy('share', async (release) => {
      // A merge has to change rows, which a shared lock refuses; reading goes on.
      const id = await startLoad('locked', 2_000);
      assert.match((await lockOf(`/v1/loads/${id}`))?.message ?? '', HELD_BY);
      assert.equal((await call('/v1/tables/locked/rows')).status, 200);
      await post(`/v1/loads/${id}/cancel`);
      await eventually(async () => (await get(`/v1/loads/${id}`)).body.status, 'cancelled');

      const { body: restore } = await post(`/v1/backups/${backup.id}/restore`, {});
      assert.match((await lockOf(`/v1/restores/${restore.id}`))?.message ?? '', HELD_BY);
      await eventually(async () => (await get(`/v1/restores/${restore.id}`)).body.status, 'waiting');
      await post(`/v1/restores/${restore.id}/cancel`);
      await eventually(async () => (await get(`/v1/restores/${restore.id}`)).body.status, 'cancelled');

      // Somebody looks at the stage of a load that is cancelled.
      const other = await startLoad('locked', 3_000);
      await lockOf(`/v1/loads/${other}`);
      await db.transaction(async (tx) => {
        await tx.query(`select set_config('application_name', 'psql of a test', true)`);
        await tx.query(`lock table longshore_stage.load_${other} in access share mode`);
        await post(`/v1/loads/${other}/cancel`);
        const cancelling = await until(
          waitingFor(`/v1/loads/${other}`),
          (found) => found?.message.startsWith(`load_${other} is locked by process`) ?? false,
        );
        assert.match(cancelling?.message ?? '', /psql of a test/);
      });
      await eventually(async () => (await get(`/v1/loads/${other}`)).body.status, 'cancelled');
      await release();
      assert.equal((await load('locked', csv(4_000))).body.status, 'done');
    });
  });

  it('is named while a load waits for its readers', async () => {
    await lockedBy('access share', async (release) => {
      const headers = { 'content-type': 'text/csv' };
      const { body } = await call('/v1/tables/locked/loads?mode=replace', {
        method: 'POST',
        headers,
        body: csv(1),
      });
      for (let look = 0; look < 3; look++) {
        assert.match((await lockOf(`/v1/loads/${body.id}`))?.message ?? '', HELD_BY);
      }
      await release();
      await eventually(async () => (await get(`/v1/loads/${body.id}`)).body.status, 'done');
    });
  });
});
