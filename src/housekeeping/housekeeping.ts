import { keepLooking } from '../arrivals/keep-looking.ts';
import { BACKUP_JOB, type BackupJobDeps } from '../backups/backup-job.ts';
import { tidyBackups } from '../backups/tidy-backups.ts';
import { forgetGroups } from '../batches/forget-groups.ts';
import { dropExpiredIdempotencyKeys } from '../batches/idempotent.ts';
import { isGroupRunning } from '../batches/look-up-batch.ts';
import { PAYLOAD_FOLDER } from '../batches/payload.ts';
import type { Database } from '../db/database.ts';
import type { Installation } from '../installation/installation.ts';
import { reconcileJobs } from '../jobs/reconcile-jobs.ts';
import { dropOldSigningKeys } from '../keys/signing-keys.ts';
import { LoadEntity } from '../ledger/load-entities.ts';
import { countEndedLoads } from '../loads/count-loads.ts';
import { LOAD_JOB } from '../loads/load-job.ts';
import { tellPausedAgain } from '../loads/pause-load.ts';
import type { Refresher } from '../reports/refresher.ts';
import { sweepStages } from '../restores/end-restore.ts';
import { RESTORE_JOB } from '../restores/restore-job.ts';
import { Faults } from '../runtime/faults.ts';
import { messageOf } from '../runtime/log-fields.ts';
import type { ScheduleBook } from '../schedules/schedule-book.ts';
import type { Storage } from '../storage/storage.ts';
import { dropRemoved, putOffDrops } from '../tables/bring-back.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import { within } from '../within.ts';
import { endOrphans } from './orphans.ts';

const RECONCILE_EVERY_MS = 10_000;
/** Often, so that a round has little to delete. */
const GROUPS_EVERY_MS = 10_000;
/** Stages that are kept for a comparison stay a few minutes. */
const STAGES_EVERY_MS = 60_000;
/** How often changes that people make in Temporal are copied to the ledger; the API shows them at once. */
const SCHEDULES_EVERY_MS = 30_000;
const SWEEP_EVERY_MS = 3_600_000;
/** No upload takes longer: an older file without a load was left by a process that died. */
const ORPHAN_AGE_MS = 24 * 3_600_000;
const NOT_SWEPT =
  'Unfinished uploads of processes that died can not be ended in this storage: give its keys in AWS_ACCESS_KEY_ID ' +
  'and AWS_SECRET_ACCESS_KEY, or let the bucket end them by a lifecycle rule (AbortIncompleteMultipartUpload)';

export interface HouseDeps extends BackupJobDeps {
  readonly installation: Installation;
  /** The ledger had never been used when the process started. */
  readonly freshLedger: boolean;
  readonly refresher: Pick<Refresher, 'askStale'>;
  readonly book: Pick<ScheduleBook, 'sync'>;
  /** How many committed groups keep their workflow in Temporal; 0: all. */
  readonly keptGroups: number;
  /** Whether this process is the one of several APIs that does what has to be done once. */
  readonly isKeeper: () => Promise<boolean>;
}

/** How long a stop waits for what is under way; all of it is idempotent and begins again at the next start. */
const STOP_MS = 2_000;

/**
 * The API's periodic work: starts loads, backups and restores that wait for their workflow, requests refreshes of stale
 * reports, counts ended loads, deletes left-over files and workflows of groups that ended long ago, and adopts trusted
 * backups that the ledger does not know.
 */
export function keepHouse(deps: HouseDeps): { stop(): Promise<void> } {
  const { db, storage, backupKeys: keys, freshLedger, refresher, log } = deps;
  const review = { fresh: freshLedger, seen: new Map<string, string>() };
  let toldAgain = false;
  let toldOfUploads = false;
  const underWay = new Set<Promise<void>>();
  const stopping = new AbortController();
  const timers = [
    every(RECONCILE_EVERY_MS, async () => {
      if (!toldAgain) await tellPausedAgain(db);
      toldAgain = true;
      if (await deps.isKeeper()) await reconcileJobs(LOAD_JOB, deps);
    }),
    once(RECONCILE_EVERY_MS, () => reconcileJobs(BACKUP_JOB, deps)),
    once(RECONCILE_EVERY_MS, () => reconcileJobs(RESTORE_JOB, deps)),
    once(RECONCILE_EVERY_MS, () => refresher.askStale()),
    once(RECONCILE_EVERY_MS, () => countEndedLoads(db)),
    once(GROUPS_EVERY_MS, async () => {
      if (deps.keptGroups > 0) await forgetGroups(deps, deps.keptGroups, stopping.signal);
    }),
    once(RECONCILE_EVERY_MS, () => keepLooking(deps)),
    once(STAGES_EVERY_MS, () => sweepStages(db)),
    once(STAGES_EVERY_MS, () => endOrphans(deps)),
    once(SCHEDULES_EVERY_MS, () => deps.book.sync()),
    every(SWEEP_EVERY_MS, async () => {
      const swept = await sweepUploads(db, storage);
      if (!swept && !toldOfUploads) log.warn(NOT_SWEPT);
      toldOfUploads = !swept;
    }),
    every(SWEEP_EVERY_MS, async () => {
      await tidyBackups({ db, storage, keys }, review, log);
      // Only the first review is of a fresh ledger.
      review.fresh = false;
    }),
    every(SWEEP_EVERY_MS, () => dropOldSigningKeys(db)),
    every(SWEEP_EVERY_MS, () => sweepPayloads(deps)),
    every(SWEEP_EVERY_MS, async () => void (await dropExpiredIdempotencyKeys(db))),
    once(SWEEP_EVERY_MS, () => dropRemovedTables(deps)),
  ];
  /** By one API of several. */
  function once(ms: number, work: () => Promise<void>): NodeJS.Timeout {
    return every(ms, async () => {
      if (await deps.isKeeper()) await work();
    });
  }
  function every(ms: number, work: () => Promise<void>): NodeJS.Timeout {
    let busy = false;
    const run = async () => {
      if (busy) return;
      busy = true;
      const round = work().catch((error) => {
        if (error === stopping.signal.reason) return;
        log.warn(
          { err: translateTemporal(error) },
          `Housekeeping was held up: ${messageOf(translateTemporal(error))}`,
        );
      });
      underWay.add(round);
      await round;
      underWay.delete(round);
      busy = false;
    };
    void run();
    return setInterval(run, ms);
  }
  return {
    async stop() {
      for (const timer of timers) clearInterval(timer);
      stopping.abort();
      await within<unknown>(STOP_MS, Promise.all(underWay), () => undefined);
    },
  };
}

/** @returns whether the storage could be swept of unfinished ones */
/** Drops removed tables whose time is over. What something stands on is tried again a day later. */
export async function dropRemovedTables({ db, log }: Pick<HouseDeps, 'db' | 'log'>): Promise<void> {
  try {
    for (;;) {
      const dropped = await db.transaction((tx) => dropRemoved(tx, null));
      if (dropped === null) return;
      log.info(dropped, `The table ${dropped.table} that was removed has been dropped: its time was over`);
    }
  } catch (err) {
    await putOffDrops(db);
    log.warn({ err }, 'A removed table could not be dropped: it is tried again in a day');
  }
}

export async function sweepUploads(
  db: Pick<Database, 'em'>,
  storage: Pick<Storage, 'list' | 'stat' | 'delete' | 'sweep'>,
): Promise<boolean> {
  const used = await db.em.find(LoadEntity, { finishedAt: null }, { fields: ['sourceKey', 'plainKey'] });
  const keys = new Set(used.flatMap((load) => [load.sourceKey, load.plainKey]));
  const faults = new Faults();
  for (const key of await storage.list('uploads/')) {
    await faults.alone(key, async () => {
      if (!keys.has(key) && (await isOld(storage, key))) await storage.delete(key);
    });
  }
  let swept = true;
  await faults.alone('unfinished uploads', async () => {
    swept = await storage.sweep(ORPHAN_AGE_MS);
  });
  faults.end();
  return swept;
}

/** Deletes payloads that a process left when it died right after the commit; a waiting group still needs its payload. */
export async function sweepPayloads(
  deps: Pick<HouseDeps, 'client' | 'installation' | 'storage'>,
): Promise<void> {
  const { storage } = deps;
  const faults = new Faults();
  for (const key of await storage.list(PAYLOAD_FOLDER)) {
    await faults.alone(key, async () => {
      if (!(await isOld(storage, key))) return;
      if (!(await isGroupRunning(deps, key.slice(PAYLOAD_FOLDER.length)))) await storage.delete(key);
    });
  }
  faults.end();
}

async function isOld(storage: Pick<Storage, 'stat'>, key: string): Promise<boolean> {
  const modifiedAt = (await storage.stat(key))?.modifiedAt;
  return modifiedAt != null && Date.now() - Date.parse(modifiedAt) > ORPHAN_AGE_MS;
}
