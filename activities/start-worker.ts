import { Runtime, Worker } from '@temporalio/worker';
import { readBackupKeys } from '../src/backups/backup-keys.ts';
import type { Config } from '../src/config.ts';
import { openDatabase } from '../src/db/database.ts';
import { LongshoreError } from '../src/errors.ts';
import { AnalyzeLane } from '../src/publish/analyze-lane.ts';
import type { ChildService } from '../src/runtime/child.ts';
import { openStorage } from '../src/storage/open-storage.ts';
import { connectWorker } from '../src/temporal/connect.ts';
import { ACTIVITY_QUEUE } from '../workflows/contract.ts';
import { toLongshoreError } from './failures.ts';
import { createActivities } from './index.ts';
import { createReportActivities } from './refresh-report.ts';
import { sealedWorkerOptions } from './sealed-worker.ts';

/**
 * Activities at a time in one process: one parses while the other waits for PostgreSQL. More would only hold more
 * chunks in memory; more cores want more processes.
 */
const ACTIVITIES_AT_ONCE = 2;

export interface StartWorkerOptions {
  readonly config: Config;
  /** Shown by PostgreSQL's `pg_stat_activity`. */
  readonly name: string;
}

/** What an activity worker's process runs. */
export async function startWorker({ config, name }: StartWorkerOptions): Promise<ChildService> {
  if (!config.databaseUrl) throw new LongshoreError('config-invalid', 'DATABASE_URL: unset');
  const db = await openDatabase({
    url: config.databaseUrl,
    poolSize: ACTIVITIES_AT_ONCE * 2,
    applicationName: `longshore ${name}`,
  });
  const lane = new AnalyzeLane({
    db,
    onError: (table, error) =>
      Runtime.instance().logger.warn('analyze failed', { table, reason: toLongshoreError(error).message }),
  });
  const storage = await openStorage(config.storage);
  const connection = await connectWorker(config);
  const worker = await Worker.create({
    connection,
    namespace: config.temporalNamespace,
    taskQueue: ACTIVITY_QUEUE,
    activities: {
      ...createActivities({ db, storage, backupKeys: await readBackupKeys(config), analyze: lane.ask }),
      ...createReportActivities({ db }),
    },
    ...sealedWorkerOptions(config),
    maxConcurrentActivityTaskExecutions: ACTIVITIES_AT_ONCE,
    shutdownGraceTime: '30s',
    maxHeartbeatThrottleInterval: '5s',
    defaultHeartbeatThrottleInterval: '5s',
  });
  const running = worker.run();
  return {
    failed: running,
    async stop() {
      worker.shutdown();
      await running;
      await lane[Symbol.asyncDispose]();
      await connection.close();
      await db[Symbol.asyncDispose]();
    },
  };
}
