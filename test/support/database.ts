import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { Cleanup } from './home.ts';
import { postgresServer } from './servers.ts';

export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
}

/**
 * A database of the test's own with the platform's tables in it, empty. Dropped when the test ends (with a context),
 * or by `await using`; connections that are still open then are cut.
 */
export async function testDatabase(t?: Cleanup): Promise<TestDatabase> {
  const { url: admin, template } = await postgresServer();
  const name = `test_${randomBytes(6).toString('hex')}`;
  await runSql(admin, `create database ${name} template ${template}`);
  const url = new URL(admin);
  url.pathname = `/${name}`;
  const drop = async () => {
    await runSql(admin, `drop database if exists ${name} with (force)`);
  };
  t?.after(drop);
  return { url: url.href, name, [Symbol.asyncDispose]: drop };
}

/** Over a connection of its own. @returns the rows */
export async function runSql<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
