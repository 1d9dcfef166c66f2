import { setTimeout as sleep } from 'node:timers/promises';
import { Runtime, Worker } from '@temporalio/worker';
import { readBackupKeys } from '../src/backups/backup-keys.ts';
import { type Config, GRACE_SECONDS } from '../src/config.ts';
import { WORKER_CONNECTIONS } from '../src/db/connections.ts';
import { openDatabase } from '../src/db/database.ts';
import { SQLSTATE, sqlstateOf } from '../src/db/sqlstate.ts';
import { LongshoreError } from '../src/errors.ts';
import { readInstallation } from '../src/installation/installation.ts';
import { joinInstallation } from '../src/installation/join-installation.ts';
import { activityQueue } from '../src/installation/names.ts';
import type { StrangerTimes } from '../src/installation/refuse-strangers.ts';
import { type DependencyFaults, watchDependencies } from '../src/metrics/dependencies.ts';
import { AnalyzeQueue } from '../src/publish/analyze-queue.ts';
import type { ChildService } from '../src/runtime/child.ts';
import type { Logger } from '../src/runtime/logger.ts';
import { payloadKeysAgree } from '../src/seal/noted-keys.ts';
import { readPayloadKeys } from '../src/seal/payload-keys.ts';
import { openStorage } from '../src/storage/open-storage.ts';
import { connectWorker } from '../src/temporal/connect.ts';
import { toLongshoreError } from './failures.ts';
import { createActivities } from './index.ts';
import { createReportActivities } from './refresh-report.ts';
import { sealedWorkerOptions } from './sealed-worker.ts';
import { WorkerSlots } from './worker-slots.ts';

/** A statement that waits longer for a lock, where no shorter wait is expected, gives its slot to others for a while. */
const LONGEST_LOCK_WAIT_MS = 60_000;
const LOOK_AGAIN_MS = 1_000;

export interface StartWorkerOptions {
  readonly config: Config;
  readonly log: Logger;
  /** As of `startApi`. */
  readonly times?: Partial<StrangerTimes>;
  /** Shown by PostgreSQL's `pg_stat_activity`. */
  readonly name: string;
}

export interface WorkerService extends ChildService {
  readonly worker: Pick<Worker, 'getState'>;
  readonly dependencies: () => Promise<DependencyFaults>;
}

/** Starts an activity worker, in a process of its own. */
export async function startWorker({ config, log, name, times }: StartWorkerOptions): Promise<WorkerService> {
  if (!config.databaseUrl) throw new LongshoreError('config-invalid', 'DATABASE_URL: unset');
  const db = await openDatabase({
    url: config.databaseUrl,
    poolSize: WORKER_CONNECTIONS.activities,
    besidePool: WORKER_CONNECTIONS.beside,
    settings: { lock_timeout: String(LONGEST_LOCK_WAIT_MS) },
    applicationName: `longshore ${name}`,
  });
  const analyzing = new AnalyzeQueue({
    db,
    onError: (table, error) =>
      Runtime.instance().logger.warn('analyze failed', { table, reason: toLongshoreError(error).message }),
  });
  const storage = await openStorage(config.storage, config.storageKeys);
  const installation = await untilThere(() => readInstallation(db), log);
  const connection = await connectWorker(config);
  const namespace = config.temporalNamespace;
  const keys = readPayloadKeys(config);
  const joined = await joinInstallation({ connection, namespace, db, installation, keys, log, name, times });
  await untilThere(async () => (await payloadKeysAgree(db, keys)) || null, log);
  const worker = await Worker.create({
    connection,
    taskQueue: activityQueue(installation.queue),
    namespace,
    identity: joined.identity,
    activities: {
      ...createActivities({
        db,
        storage,
        backupKeys: await readBackupKeys(config),
        keptRejects: config.keptRejects,
        maxExpansion: config.maxExpansion,
        analyze: analyzing.ask,
      }),
      ...createReportActivities({ db }),
    },
    ...sealedWorkerOptions(config),
    tuner: {
      activityTaskSlotSupplier: new WorkerSlots(),
      // It has none of these.
      workflowTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
      localActivityTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
      nexusTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
    },
    shutdownGraceTime: (config.graceSeconds ?? GRACE_SECONDS) * 1000,
    maxHeartbeatThrottleInterval: '5s',
    defaultHeartbeatThrottleInterval: '5s',
  });
  const running = worker.run();
  return {
    worker,
    dependencies: watchDependencies({ db, connection, storage, namespace }),
    failed: Promise.race([running, joined.renamed]),
    async stop() {
      worker.shutdown();
      await running;
      await analyzing[Symbol.asyncDispose]();
      await joined[Symbol.asyncDispose]();
      await connection.close();
      await db[Symbol.asyncDispose]();
    },
  };
}

/** Waits for the API, which creates and migrates the ledger and records its state; a worker may start before it. */
async function untilThere<T>(look: () => Promise<T | null>, log: Logger): Promise<T> {
  for (let looked = false; ; looked = true) {
    const found = await look().catch((error) => {
      const state = sqlstateOf(error);
      if (state !== SQLSTATE.undefinedTable && state !== SQLSTATE.undefinedColumn) throw error;
      return null;
    });
    if (found !== null) return found;
    if (!looked)
      log.warn('The ledger is not there yet, or is of an older version: waiting for the API to start');
    await sleep(LOOK_AGAIN_MS);
  }
}
