import type { Database, Tx } from '../src/db/database.ts';

class RollBack extends Error {}

/** Runs work in a transaction that is rolled back. @returns its result */
export async function rolledBack<T>(db: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  let found: { readonly value: T } | undefined;
  await db
    .transaction(async (tx) => {
      found = { value: await work(tx) };
      throw new RollBack();
    })
    .catch((error) => {
      if (!(error instanceof RollBack)) throw error;
    });
  return found!.value;
}
