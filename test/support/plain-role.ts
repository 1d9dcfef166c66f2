import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { runSql } from './database.ts';
import type { Cleanup } from './home.ts';
import { postgresServer } from './servers.ts';

export interface PlainDatabase {
  /** Of the role, which owns the database. */
  readonly url: string;
  readonly role: string;
}

/** An empty database whose owner is no superuser and has no right beside. Dropped with its role when the test ends. */
export async function plainDatabase(t: Cleanup, password = 'p/l+a=i:n@%41#?'): Promise<PlainDatabase> {
  const { url: admin } = await postgresServer();
  const role = `plain_${randomBytes(6).toString('hex')}`;
  await runSql(admin, `create role ${role} login password ${pg.escapeLiteral(password)}`);
  await runSql(admin, `create database ${role} owner ${role}`);
  t.after(async () => {
    await runSql(admin, `drop database if exists ${role} with (force)`);
    await runSql(admin, `drop owned by ${role}`);
    await runSql(admin, `drop role ${role}`);
  });
  const url = new URL(admin);
  Object.assign(url, { username: role, password: encodeURIComponent(password), pathname: `/${role}` });
  return { url: url.href, role };
}
