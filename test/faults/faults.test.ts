import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { LoadView } from '../../src/loads/load-view.ts';
import { departmentsCsv, type HiresOptions, hiresCsv, jobsCsv } from '../../src/sample/generate.ts';
import { databaseUrl } from '../support/database-url.ts';
import { type Role, type TestPlatform, testPlatform } from '../support/platform.ts';

const ROWS = 500_000;
const BAD_SHARE = 0.03;
const DONE_LIMIT_MS = 240_000;

/** What a table of hires should hold: enough to tell a lost, doubled or changed row. */
interface Sums {
  readonly rows: number;
  readonly ids: number;
  readonly jobs: number;
  readonly nameLengths: number;
  readonly lines: number;
}

/** Every reject is looked for afterwards. */
const KEEP_ALL = { LONGSHORE_KEPT_REJECTS: '1000000' };

/** kill -9 of each process, each in the middle of a load of half a million rows: the load ends by itself, exactly right. */
describe('faults', async () => {
  const platform = await testPlatform({ after }, { env: KEEP_ALL });
  const api = client(platform);
  await api.load('departments', [departmentsCsv({ seed: 1, hires: 0 })]);
  await api.load('jobs', [jobsCsv({ seed: 1, hires: 0 })]);

  const roles: readonly (readonly Role[])[] = [['worker-1'], ['api'], ['postgres'], ['temporal']];
  for (const [index, killed] of roles.entries()) {
    it(`a load survives kill -9 of ${killed.join(' and ')}`, async () => {
      const options = { seed: 100 + index, hires: ROWS, badShare: BAD_SHARE };
      const { id } = await api.start('hired_employees', [...hiresCsv(options)], 'replace');
      await api.until(id, (load) => load.progress.chunks >= 2 || load.finishedAt !== null);
      assert.equal((await api.until(id, () => true)).finishedAt, null, 'the load ended before the fault');
      for (const role of killed) platform.kill(role);
      const done = await api.until(id, (load) => load.finishedAt !== null);
      assert.equal(done.status, 'done', JSON.stringify(done.error));
      await assertExactly(platform, options, done);
    });
  }

  it('a load survives kill -9 of everything at once', async () => {
    const options = { seed: 200, hires: ROWS, badShare: BAD_SHARE };
    const { id } = await api.start('hired_employees', [...hiresCsv(options)], 'replace');
    await api.until(id, (load) => load.progress.chunks >= 2 || load.finishedAt !== null);
    await platform.killAll();
    const second = await testPlatform({ after }, { home: platform.home, env: KEEP_ALL });
    const done = await client(second).until(id, (load) => load.finishedAt !== null);
    assert.equal(done.status, 'done', JSON.stringify(done.error));
    await assertExactly(second, options, done);
    assert.equal(await second.stop(), 0);
  });
});

function client({ apiUrl, adminKey }: TestPlatform) {
  const headers = { 'x-api-key': adminKey };
  /** Answers may fail while something is dead: ask again. */
  async function get(id: number): Promise<LoadView | undefined> {
    try {
      const response = await fetch(`${apiUrl}/v1/loads/${id}`, { headers });
      return response.ok ? ((await response.json()) as LoadView) : undefined;
    } catch {
      return undefined;
    }
  }
  async function until(id: number, test: (load: LoadView) => boolean): Promise<LoadView> {
    const deadline = Date.now() + DONE_LIMIT_MS;
    for (;;) {
      const load = await get(id);
      if (load && test(load)) return load;
      assert.ok(Date.now() < deadline, `load ${id} did not get there: ${JSON.stringify(load)}`);
      await sleep(50);
    }
  }
  async function start(table: string, csv: Buffer[], mode: string): Promise<LoadView> {
    const response = await fetch(`${apiUrl}/v1/tables/${table}/loads?mode=${mode}`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'text/csv' },
      body: new Uint8Array(Buffer.concat(csv)),
    });
    assert.equal(response.status, 202, await response.clone().text());
    return (await response.json()) as LoadView;
  }
  return {
    until,
    start,
    load: async (table: string, csv: Buffer[]) => {
      const { id } = await start(table, csv, 'append');
      return until(id, (load) => load.status === 'done');
    },
  };
}

async function assertExactly(platform: TestPlatform, options: HiresOptions, load: LoadView): Promise<void> {
  const { rows, ...sums } = expectedSums(options);
  assert.deepEqual(load.rows, {
    read: ROWS,
    loaded: rows,
    rejected: ROWS - rows,
    unchanged: 0,
    discarded: 0,
  });
  const db = new pg.Client({ connectionString: databaseUrl(platform.home) });
  await db.connect();
  try {
    const found = await db.query<Sums & { rejects: number; stages: number }>(
      `select count(*)::float8 as rows, sum(id)::float8 as ids, sum(job_id)::float8 as jobs,
              sum(length(name))::float8 as "nameLengths", count(distinct _line)::float8 as lines,
              (select count(*)::float8 from longshore.reject where load_id = $1) as rejects,
              (select count(*)::float8 from pg_class
                where relnamespace = 'longshore_stage'::regnamespace and relkind = 'r') as stages
         from hired_employees where _load_id = $1`,
      [load.id],
    );
    assert.deepEqual(found.rows[0], { rows, ...sums, rejects: ROWS - rows, stages: 0 });
  } finally {
    await db.end();
  }
}

/** Counted from the generator's good rows, by means of its own. */
function expectedSums(options: HiresOptions): Sums {
  const sums = { rows: 0, ids: 0, jobs: 0, nameLengths: 0 };
  let rest = '';
  for (const piece of hiresCsv({ ...options, goodOnly: true })) {
    const lines = (rest + piece.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [id, name, , , job] = line.split(',');
      sums.rows++;
      sums.ids += Number(id);
      sums.jobs += Number(job);
      sums.nameLengths += name?.length ?? 0;
    }
  }
  return { ...sums, lines: sums.rows };
}
