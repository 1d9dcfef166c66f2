import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import pg from 'pg';
import { failing } from '../../activities/failures.ts';
import { openDatabase } from '../../src/db/database.ts';
import { asDatabaseError } from '../../src/db/database-error.ts';
import { SQLSTATE, sqlstateOf } from '../../src/db/sqlstate.ts';
import { LongshoreError } from '../../src/errors.ts';
import { runSql, testDatabase } from '../support/database.ts';
import { eventually, until } from '../support/eventually.ts';
import { plainDatabase } from '../support/plain-role.ts';
import { postgresServer } from '../support/servers.ts';
import { testStack } from '../support/stack.ts';

const dictionary = {
  resources: [
    {
      name: 'item',
      schema: {
        fields: [
          { name: 'id', type: 'integer' },
          { name: 'name', type: 'string' },
        ],
        primaryKey: 'id',
      },
    },
  ],
};
const ROWS = 300_000;
const csv = `id,name\n${Array.from({ length: ROWS }, (_, i) => `${i},Name ${i}\n`).join('')}`;

describe('a PostgreSQL that accepts no more connections of the role', async () => {
  const { url, role } = await plainDatabase({ after });
  const { url: admin } = await postgresServer();
  const stack = await testStack({ after }, dictionary, { env: { DATABASE_URL: url } });
  /**
   * Bars the role, and ends its connections. One that PostgreSQL is still accepting has no role yet, and may have passed
   * the limit before it changed: it is waited for, and ended as well.
   */
  const close = async () => {
    await runSql(admin, `alter role ${role} connection limit 0`);
    const [barred] = await runSql<{ at: string }>(admin, 'select clock_timestamp()::text as at');
    const connections = async () => {
      const older = await runSql<{ ended: boolean | null }>(
        admin,
        `select case when usename is not null then pg_terminate_backend(pid, 5000) end as ended from pg_stat_activity
         where backend_type = 'client backend' and backend_start <= '${barred?.at}'
           and (usename is null or usename = '${role}')`,
      );
      return older.length;
    };
    await eventually(connections, 0);
  };
  const open = () => runSql(admin, `alter role ${role} connection limit -1`);
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(stack.url + path, {
      ...init,
      headers: { 'x-api-key': stack.key, ...init.headers },
    });
    return [
      response.status,
      response.headers.get('retry-after') !== null,
      ((await response.json()) as { code?: string }).code,
    ];
  };

  it('makes requests 503 with Retry-After; a load waits for it, and a batch', async () => {
    const loading = fetch(`${stack.url}/v1/tables/item/loads?mode=append`, {
      method: 'POST',
      headers: { 'x-api-key': stack.key, 'content-type': 'text/csv' },
      body: csv,
    });
    const { id } = (await (await loading).json()) as { id: number };
    const busy = [503, true, 'database-busy'];
    await close();
    try {
      for (const path of ['/v1/tables', '/v1/tables/item/rows', `/v1/loads/${id}`, '/v1/backups', '/v1/keys'])
        await eventually(() => ask(path), busy);
      const body = JSON.stringify([{ id: -1, name: 'x' }]);
      const headers = { 'content-type': 'application/json', 'idempotency-key': '"one"' };
      const posted = await ask('/v1/tables/item/rows', { method: 'POST', body, headers });
      assert.deepEqual(posted, busy);
      await assert.rejects(stack.db.query('select 1'), (error) => {
        assert.equal(asDatabaseError(error)?.code, 'database-busy');
        assert.match(asDatabaseError(error)?.message ?? '', /accepts no more connections/);
        return true;
      });
      assert.equal(sqlstateOf(stack.db.refused()), SQLSTATE.tooManyConnections);
    } finally {
      await open();
    }
    const ended = await until(
      () => stack.get(`/v1/loads/${id}`),
      ({ body }) => body.status === 'done' || body.status === 'failed',
    );
    assert.equal(ended.body.status, 'done', JSON.stringify(ended.body.error));
    assert.equal(ended.body.rows.loaded, ROWS);
    assert.deepEqual(await stack.db.query('select count(*)::int as n from item'), [{ n: ROWS }]);
    assert.equal(stack.db.refused(), null);
  });
});

describe('the connections of a process', async () => {
  const { url } = await testDatabase({ after });

  it('are refused as busy, not as away, when all of the pool or beside it are in use', async () => {
    await using db = await openDatabase({ url, poolSize: 1, besidePool: 1, connectTimeoutMs: 300 });
    const isBusy = (error: unknown) =>
      asDatabaseError(error)?.code === 'database-busy' ||
      (error instanceof LongshoreError && error.code === 'database-busy');
    await db.transaction(() => assert.rejects(db.query('select 1'), isBusy));
    assert.deepEqual(await db.query('select 1 as n'), [{ n: 1 }]);
    const client = await db.connect();
    await assert.rejects(db.connect(), isBusy);
    await client.end();
    await (await db.connect()).end();
  });
});

describe('the tries of an activity', () => {
  const thrown: unknown[] = [];
  const activity = failing(async () => {
    throw thrown.shift();
  });
  const isFinal = async (error: unknown, attempt: number) => {
    thrown.push(error);
    const environment = new MockActivityEnvironment({ attempt });
    const failure = await environment.run(activity, null).catch((caught: unknown) => caught);
    assert.ok(failure instanceof ApplicationFailure);
    return failure.nonRetryable;
  };
  const passing = ['53300', '57P03', '40001', '40P01', '55P03', '57014', '53200', '28P01', '25006', '08006'];

  it('are used up by unforeseen errors, not by a server that is away or busy', async () => {
    for (let attempt = 1; attempt <= 40; attempt++) {
      const error = Object.assign(new pg.DatabaseError('busy', 4, 'error'), {
        code: passing[attempt % passing.length],
      });
      assert.equal(await isFinal(error, attempt), false);
    }
    for (let tried = 1; tried <= 8; tried++)
      assert.equal(await isFinal(new Error('a bug'), 40 + tried), tried === 8);
  });
});
