import type { Client } from 'pg';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { testDatabase } from './database.ts';
import type { Cleanup } from './home.ts';

/** A database of the test's own, open, and a connection to it beside the pool. */
export async function testConnection(
  t: Cleanup,
): Promise<{ readonly db: Database; readonly client: Client }> {
  const { url } = await testDatabase(t);
  const db = await openDatabase({ url });
  const client = await db.connect();
  t.after(async () => {
    await client.end();
    await db[Symbol.asyncDispose]();
  });
  return { db, client };
}
