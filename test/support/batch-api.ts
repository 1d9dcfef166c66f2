import { Client, Connection } from '@temporalio/client';
import { type BatchCommitter, createBatchCommitter } from '../../src/batches/batch-committer.ts';
import { HandOver } from '../../src/batches/hand-over.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { quoteName } from '../../src/db/sql-names.ts';
import { readDictionary } from '../../src/dictionary/read-dictionary.ts';
import { readInstallation } from '../../src/installation/installation.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import { startTestApi, type TestApi } from './api-fakes.ts';
import { fixedBook } from './fixed-book.ts';
import type { Cleanup } from './home.ts';
import { TEST_SEALED } from './sealed.ts';
import type { TestStack } from './stack.ts';

export interface BatchApi {
  readonly api: TestApi;
  readonly committer: BatchCommitter;
  readonly db: Database;
}

/**
 * Another API process's worth of batches over a stack: its own queue, pool and hand-over, but no worker, so that what
 * it leaves is committed by the stack's.
 */
export async function batchApi(t: Cleanup, stack: TestStack, client: Client): Promise<BatchApi> {
  const dictionary = await readDictionary(undefined);
  const db = await openDatabase({ url: stack.databaseUrl, poolSize: 16, applicationName: 'another api' });
  const metrics = createMetrics();
  const committer = createBatchCommitter({
    db,
    client: withoutEagerStart(client),
    installation: await readInstallation(db),
    storage: await openStorage(`file:${stack.home}/storage`),
    handOver: new HandOver(),
    log: createLogger({ level: 'silent', process: 'test' }),
    metrics,
    idempotencyDays: 1,
  });
  const api = await startTestApi({ batches: committer, dictionary: fixedBook(dictionary), metrics });
  t.after(async () => {
    await committer.stop(0);
    await api[Symbol.asyncDispose]();
    await db[Symbol.asyncDispose]();
  });
  return { api, committer, db };
}

/** Only a worker's own connection can be given a workflow's first task along with its start. */
function withoutEagerStart(client: Client): Client {
  const { workflow } = client;
  const start = (type: string, options: Parameters<typeof workflow.start>[1]) =>
    workflow.start(type, { ...options, requestEagerStart: false } as typeof options);
  const getHandle: typeof workflow.getHandle = (...handle) => workflow.getHandle(...handle);
  const withDeadline: Client['withDeadline'] = (deadline, work) => client.withDeadline(deadline, work);
  return { workflow: { start, getHandle }, withDeadline } as unknown as Client;
}

/** A client of the stack's namespace, by its own connection. */
export async function temporalClient(t: Cleanup, stack: TestStack, address?: string): Promise<Client> {
  const connection = await Connection.connect({ address: address ?? stack.temporal.address });
  t.after(() => connection.close());
  return new Client({ connection, namespace: stack.temporal.namespace, ...TEST_SEALED });
}

export interface TableLock extends AsyncDisposable {
  /** Sessions that wait for a lock in this database. */
  waiting(): Promise<number>;
  release(): Promise<void>;
}

/** Keeps everyone out of a table, or does what else `sql` says in a transaction, until it is released. */
export async function lockTable(
  db: Database,
  table: string,
  sql = `lock table ${quoteName(table)} in access exclusive mode`,
): Promise<TableLock> {
  const session = await db.connect();
  await session.query('begin');
  await session.query(sql);
  let held = true;
  const release = async () => {
    if (!held) return;
    held = false;
    await session.query('rollback');
    await session.end();
  };
  return {
    async waiting() {
      const [row] = await db.query<{ n: number }>(
        `select count(*)::int as n from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return row?.n ?? 0;
    },
    release,
    [Symbol.asyncDispose]: release,
  };
}
