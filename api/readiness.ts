import type { Client } from '@temporalio/client';
import type { Database } from '../src/db/database.ts';
import type { Storage } from '../src/storage/storage.ts';
import type { Readiness } from './deps.ts';

/** Longer than this is as good as away. */
const PATIENCE_MS = 2_000;

export interface ReadinessDeps {
  readonly db: Database;
  readonly client: Client;
  readonly storage: Storage;
  readonly namespace: string;
}

/** Asks PostgreSQL, Temporal and the storage, side by side. */
export function createReadiness({ db, client, storage, namespace }: ReadinessDeps): () => Promise<Readiness> {
  return async () => {
    const [postgres, temporal, stored] = await Promise.all([
      ask(() => db.query('select 1')),
      ask(() => client.workflowService.describeNamespace({ namespace })),
      ask(() => storage.stat('uploads/readiness')),
    ]);
    const checks = { postgres, temporal, storage: stored };
    return { ok: Object.values(checks).every((fault) => fault === null), checks };
  };
}

async function ask(question: () => Promise<unknown>): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(resolve, PATIENCE_MS, `no answer within ${PATIENCE_MS} ms`);
  try {
    return await Promise.race([question().then(() => null), promise]);
  } catch {
    // Drivers put addresses and more into their messages; this answer needs no key.
    return 'not reachable';
  } finally {
    clearTimeout(timer);
  }
}
