import type { Client } from '@temporalio/client';
import type { Worker } from '@temporalio/worker';

import type { Database } from '../db/database.ts';
import type { Storage } from '../storage/storage.ts';

/** A dependency that does not answer within this time counts as away. */
const PATIENCE_MS = 2_000;

export interface ReadinessDeps {
  readonly db: Database;
  readonly client: Client;
  readonly storage: Storage;
  readonly namespace: string;
  /** The worker for workflows, in this process. */
  readonly worker: Pick<Worker, 'getState'>;
}

/**
 * Asks PostgreSQL, Temporal and the storage, side by side, and whether the worker for workflows runs. Whoever asks
 * while a question is under way gets the same answer: anyone may ask, and must not multiply the work.
 */
export function createReadiness({
  db,
  client,
  storage,
  namespace,
  worker,
}: ReadinessDeps): () => Promise<Readiness> {
  const find = async () => {
    const [postgres, temporal, stored] = await Promise.all([
      ask(() => db.query('select 1')),
      ask(() => client.workflowService.describeNamespace({ namespace })),
      ask(() => storage.stat('uploads/readiness')),
    ]);
    const state = worker.getState();
    const checks = {
      postgres,
      temporal,
      storage: stored,
      workflows: state === 'RUNNING' ? null : `the worker is ${state.toLowerCase()}`,
    };
    return { ok: Object.values(checks).every((fault) => fault === null), checks };
  };
  let underWay: Promise<Readiness> | undefined;
  return () => {
    underWay ??= find().finally(() => {
      underWay = undefined;
    });
    return underWay;
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

export interface Readiness {
  readonly ok: boolean;
  /** Checks by name (`postgres`, `temporal`, `storage`, …): null when ready, else the fault, without secrets. */
  readonly checks: Readonly<Record<string, string | null>>;
}
