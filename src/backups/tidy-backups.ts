import type { Logger } from 'pino';
import { Faults } from '../runtime/faults.ts';
import type { BackupDeps } from './backup-deps.ts';
import { describeDoubts } from './doubts.ts';
import { sweepBackups } from './end-backup.ts';
import { MAX_DOUBTED, type Reviewed, type ReviewOptions, reviewBackups } from './review-backups.ts';
import { removeOldSafety } from './safety-retention.ts';

/** The most findings of a review that are logged one by one. */
const MOST_LOGGED = 20;

/**
 * Compares the storage with the ledger: authenticated backups are adopted, others become `unverified`. Deletes old
 * safety backups, and files that belong to no backup any more.
 * @throws Error once all is done that can be done: what of it failed
 */
export async function tidyBackups(deps: BackupDeps, options: ReviewOptions, log: Logger): Promise<void> {
  const faults = new Faults();
  const removed = (id: string) => log.info({ backupId: id }, `Safety backup ${id} was old, and was deleted`);
  await faults.alone('the backups in the storage', async () =>
    logReview(await reviewBackups(deps, { ...options, faults }), log),
  );
  await faults.alone('old safety backups', () => removeOldSafety(deps, removed));
  await faults.alone('files of deleted backups', () => sweepBackups(deps.db, deps.storage));
  faults.end();
}

function logReview({ adopted, doubted, cleared, uncounted }: Reviewed, log: Logger): void {
  for (const id of adopted) log.info({ backupId: id }, `Backup ${id} was found in the storage, and adopted`);
  for (const id of cleared) log.info({ backupId: id }, `Backup ${id} is as it was written again`);
  for (const { id, doubts } of doubted.slice(0, MOST_LOGGED)) {
    log.warn({ backupId: id, doubts }, `Backup ${id} is unverified: ${describeDoubts(doubts)}`);
  }
  const more = Math.max(0, doubted.length - MOST_LOGGED);
  if (more > 0)
    log.warn({ more }, `${more} more backups are unverified: longshore backups --status unverified`);
  if (uncounted > 0) {
    log.warn(
      { uncounted },
      `${uncounted} more in the storage are not believed, and not listed: ${MAX_DOUBTED} are`,
    );
  }
}
