import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { MockActivityEnvironment } from '@temporalio/testing';
import { sql } from 'kysely';
import { attemptDatabase } from '../../activities/attempt-database.ts';
import { startWorker } from '../../activities/start-worker.ts';
import { FILES_AT_ONCE, STATEMENTS_AT_ONCE } from '../../activities/worker-slots.ts';
import type { Database } from '../../src/db/database.ts';
import { LongshoreError } from '../../src/errors.ts';
import { AnalyzeQueue } from '../../src/publish/analyze-queue.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { testConnection } from '../support/connection.ts';
import { eventually, until } from '../support/eventually.ts';
import { testStack } from '../support/stack.ts';

/** As many as a worker has slots. */
const HELD = Array.from({ length: STATEMENTS_AT_ONCE + FILES_AT_ONCE }, (_, n) => `held_${n}`);

const dictionary = {
  resources: ['slow_a', 'slow_b', 'free', ...HELD].map((name) => ({
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
const csv = (from: number, count: number) =>
  `id,name\n${Array.from({ length: count }, (_, i) => `${from + i},Name\n`).join('')}`;

describe('jobs whose steps after the commit take minutes', async () => {
  const stack = await testStack({ after }, dictionary);
  const { db, get, load, post } = stack;
  const analyzing = () =>
    db.query<{ query: string }>(
      `select query from pg_stat_activity where datname = current_database()
          and application_name = 'longshore analyze' and state = 'active'`,
    );
  const idOf = async (table: string) => {
    const loads = async () =>
      ((await get(`/v1/loads?table=${table}&limit=1`)).body as unknown as { loads: { id: number }[] }).loads;
    return (await until(loads, (found) => found.length > 0))[0]!.id;
  };

  it('loads are done, and those of the same and of other tables go on', async () => {
    await db.query(`create function public.slowly(n bigint) returns bigint immutable language plpgsql
                      as 'begin perform pg_sleep(1); return n; end'`);
    for (const table of ['slow_a', 'slow_b']) {
      assert.equal((await load(table, csv(1, 100))).body.status, 'done');
      await db.query(`create statistics public.${table}_s on (public.slowly(id)) from public.${table}`);
    }
    // More of them than the worker has slots.
    for (const [table, from] of [
      ['slow_a', 101],
      ['slow_b', 101],
      ['slow_a', 201],
      ['free', 1],
    ] as const) {
      const { body } = await load(table, csv(from, 1));
      assert.equal(body.status, 'done', JSON.stringify(body));
    }
    const running = await until(analyzing, (rows) => rows.length > 0);
    assert.match(String(running[0]?.query), /slow_/);
    assert.equal(running.length, 1);
    // What ANALYZE holds, nobody waits for long for.
    const table = /"(slow_[ab])"$/.exec(String(running[0]?.query))?.[1];
    assert.equal((await load(String(table), csv(301, 1))).body.status, 'done');

    // A worker that can not look whether anybody waits goes on with it, and with itself, and ends it when it stops.
    let looks = 0;
    const failed: unknown[] = [];
    const analyze = new AnalyzeQueue({
      db: {
        connect: () => db.connect(),
        query: async () => {
          looks++;
          throw new LongshoreError('database-unavailable', 'PostgreSQL is away');
        },
      },
      onError: (_, error) => failed.push(error),
    });
    await db.query(`insert into public.free (id, name) select n, 'x' from generate_series(5001, 5100) n`);
    await db.query('create statistics public.free_s on (public.slowly(id)) from public.free');
    const analyzingFree = async () =>
      (await analyzing()).filter(({ query }) => query.endsWith('."free"')).length;
    analyze.ask(['free']);
    await until(
      async () => looks,
      (found) => found > 1,
    );
    assert.equal(await analyzingFree(), 1);
    await analyze[Symbol.asyncDispose]();
    assert.deepEqual(failed, []);
    await eventually(analyzingFree, 0);
    await db.query('drop statistics public.free_s');
    await db.query('drop statistics public.slow_a_s, public.slow_b_s');
  });

  it('stop with their worker, again and again, and are done by the next one', async () => {
    const stopped = await testStack({ after }, dictionary, { worker: false });
    const config = { ...stopped.config, graceSeconds: 0 };
    const log = createLogger({ level: 'silent', process: 'test' });
    const worker = (number: number) => startWorker({ config, log, name: `worker-${number}` });
    const held = await stopped.db.connect();
    await held.query(`select pg_advisory_lock(4712)`);
    await held.query(`create function public.holds() returns trigger language plpgsql
                        as 'begin perform pg_advisory_xact_lock_shared(4712); return new; end'`);
    for (const table of HELD)
      await held.query(`create trigger holds before insert on public.${table}
                          for each row execute function public.holds()`);
    const loads = HELD.map((table) => stopped.load(table, csv(1, 3)));
    const waiting = async () =>
      (
        await stopped.db.query(
          `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        )
      ).length;
    for (let round = 0; round < 3; round++) {
      const busy = await worker(round);
      await until(waiting, (count) => count >= FILES_AT_ONCE);
      await busy.stop();
      // Whatever it held is given up before it has ended.
      await eventually(waiting, 0);
    }
    await held.query(`select pg_advisory_unlock(4712)`);
    await held.end();
    const last = await worker(3);
    for (const { body } of await Promise.all(loads)) assert.equal(body.status, 'done', JSON.stringify(body));
    await last.stop();
  });

  it('a load that finds no slot says so, and a cancel ends the wait for a lock', async () => {
    const client = await db.connect();
    try {
      // Triggers that wait for somebody, while their loads hold the worker's slots.
      await client.query(`
        select pg_advisory_lock(4711);
        create function public.wait() returns trigger language plpgsql
          as 'begin perform pg_advisory_xact_lock_shared(4711); return null; end'`);
      for (const table of HELD) {
        await client.query(
          `create trigger wait before insert on public.${table} for each statement execute function public.wait()`,
        );
      }
      const held = HELD.map((table) => load(table, csv(1, 3)));
      const ids: number[] = [];
      for (const table of HELD) ids.push(await idOf(table));
      const [a, b] = [ids[0]!, ids[1]!];
      const waiting = () =>
        db.query(
          `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        );
      assert.equal((await until(waiting, (rows) => rows.length === HELD.length)).length, HELD.length);

      const free = load('free', csv(1001, 3));
      const id = await until(
        () => idOf('free'),
        (n) => n > Math.max(...ids),
      );
      const trouble = await until(
        async () => (await get(`/v1/loads/${id}`)).body.waitingFor,
        (found) => found !== null,
      );
      assert.equal(trouble?.code, 'workers-busy');
      assert.match(trouble.message, /^no activity worker has had a slot free for it for \d+ s$/);

      await post(`/v1/loads/${a}/cancel`);
      await eventually(async () => (await get(`/v1/loads/${a}`)).body.status, 'cancelled');
      assert.equal((await waiting()).length, HELD.length - 1);
      assert.equal((await free).body.status, 'done');
      await client.query('select pg_advisory_unlock(4711)');
      const [cancelled, done] = await Promise.all(held);
      assert.equal(cancelled?.body.code, 'load-cancelled');
      assert.equal(done?.body.status, 'done');
      assert.equal((await get(`/v1/loads/${b}`)).body.waitingFor, null);
    } finally {
      await client.end();
    }
  });
});

const SLEEP = sql`pg_sleep(60)`.as('slept');

describe("a statement of an activity's attempt", async () => {
  const { db, client } = await testConnection({ after });
  const attempts = attemptDatabase(db);
  const run = <T>(attempt: number, work: (db: Database) => Promise<T>, startToCloseTimeoutMs = 60_000) =>
    new MockActivityEnvironment({ attempt, startToCloseTimeoutMs }).run(() => work(attempts)) as Promise<T>;
  const sessions = () =>
    db.query(
      `select from pg_stat_activity where datname = current_database() and query like '%pg_sleep%'
          and state = 'active' and pid <> pg_backend_pid()`,
    );

  it('ends before the attempt has taken as long as it may, and is tried again', async () => {
    for (const work of [
      (tried: Database) => tried.query('select pg_sleep(60)'),
      (tried: Database) => tried.transaction((tx) => tx.query('select pg_sleep(60)')),
      (tried: Database) => tried.ledger.selectNoFrom(SLEEP).execute(),
      (tried: Database) => tried.transaction((tx) => tx.ledger.selectNoFrom(SLEEP).execute()),
      (tried: Database) => tried.transaction((tx) => tx.em.execute('select pg_sleep(60)')),
    ]) {
      await assert.rejects(
        run(1, work, 500),
        (error) => error instanceof LongshoreError && error.code === 'database-busy',
      );
      await eventually(sessions, []);
    }
  });

  it('says how many rows of the ledger it changed', async () => {
    await run(1, async ({ ledger }) => {
      const to = ledger.insertInto('token_key').values({ id: 'k', period: 1, secret: Buffer.of(1) });
      assert.equal((await to.executeTakeFirst()).numInsertedOrUpdatedRows, 1n);
      const again = to.onConflict((conflict) => conflict.doNothing());
      assert.equal((await again.executeTakeFirst()).numInsertedOrUpdatedRows, 0n);
      const change = ledger.updateTable('token_key').set({ period: 2 });
      assert.equal((await change.where('id', '=', 'k').executeTakeFirst()).numUpdatedRows, 1n);
      assert.equal((await change.where('id', '=', 'none').executeTakeFirst()).numUpdatedRows, 0n);
      assert.equal((await ledger.deleteFrom('token_key').executeTakeFirst()).numDeletedRows, 1n);
      await assert.rejects(
        ledger.transaction().execute(async () => undefined),
        /use its transaction/,
      );
    });
  });

  it('ends when the next attempt begins, though the process of the first one hangs', async () => {
    await client.query('create table held (id int)');
    let begun: () => void;
    const locked = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const secondEnded = Promise.withResolvers<void>();
    const hung = run(1, (tried) =>
      tried.transaction(async (tx) => {
        await tx.query('lock table held');
        begun();
        await secondEnded.promise;
        await tx.query('insert into held values (1)');
      }),
    );
    const ended = assert.rejects(hung);
    await locked;
    await run(2, (tried) => tried.transaction((tx) => tx.query('lock table held nowait')));
    secondEnded.resolve();
    await ended;
    assert.deepEqual(await db.query('select * from held'), []);
  });

  it('ends when the process dies', async () => {
    const other = await db.connect();
    const sleeping = other.query('select pg_sleep(60)').catch(() => undefined);
    assert.equal((await until(sessions, (rows) => rows.length === 1)).length, 1);
    (other as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    await eventually(async () => (await sessions()).length, 0);
    await sleeping;
  });
});
