import type { BackupKeys } from '../backups/backup-keys.ts';
import type { DictionaryBook } from '../dictionary/dictionary-book.ts';
import type { JobDeps } from '../jobs/job-kind.ts';
import { createJobs } from '../jobs/jobs.ts';
import type { TableReads } from '../tables/table-reads.ts';
import { compareBackup } from './compare-backup.ts';
import { deleteCopy, listCopies } from './copies.ts';
import { createRestore, latestBackupOf } from './create-restore.ts';
import { createDrill } from './drills.ts';
import type { RestoreView } from './restore.ts';
import { RESTORE_JOB } from './restore-job.ts';
import type { RestoreService } from './restore-service.ts';
import { listRestores } from './restores.ts';

export interface LedgerRestoresDeps extends JobDeps {
  readonly backupKeys: BackupKeys;
  readonly dictionary: Pick<DictionaryBook, 'now'>;
  readonly reads: TableReads;
  readonly maxCopies: number;
}

/** The restore service over the ledger and Temporal. */
export function createLedgerRestores(deps: LedgerRestoresDeps): RestoreService {
  const { db, storage, backupKeys: keys, dictionary, maxCopies } = deps;
  const jobs = createJobs(RESTORE_JOB, deps);
  const begin = async (id: number) => {
    const restore = await jobs.start(id);
    logUnverified(deps, restore);
    return restore;
  };
  return {
    ...jobs,
    start: async (request) =>
      begin(await createRestore(db, { ...request, dictionary: dictionary.now(), maxCopies })),

    // An API key may request many drills of a backup: each is a new one.
    verify: async (request) =>
      begin(await createDrill(db, { ...request, dictionary: dictionary.now(), again: true })),

    latestOf(table, before) {
      const known = dictionary.now().tables.some(({ name }) => name === table);
      return latestBackupOf({ db, storage, keys }, table, { before, known });
    },
    list: (filter) => listRestores(db, filter),
    diff: (request) => compareBackup(deps, request),

    copies: (filter) => listCopies(db, filter),
    deleteCopy: (name, within) => deleteCopy(db, name, within),
  };
}

function logUnverified({ log }: LedgerRestoresDeps, restore: RestoreView): void {
  const { id, kind, backupId, target, startedBy: keyId } = restore;
  if (!target.acceptUnverified) return;
  log.warn(
    { restoreId: id, kind, backupId, keyId },
    `${kind} ${id} takes backup ${backupId}, which is unverified`,
  );
}
