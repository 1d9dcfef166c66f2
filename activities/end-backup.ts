import type { BackupStatus } from '../src/backups/backup.ts';
import { type EndBackupInput, endBackup as endInLedger } from '../src/backups/end-backup.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';

export type { EndBackupInput } from '../src/backups/end-backup.ts';

/** Records in the ledger that a backup failed or was cancelled, and deletes its files. */
export function endBackup({ db, storage }: ActivityDeps) {
  return (input: EndBackupInput): Promise<{ readonly status: BackupStatus }> =>
    whileBeating(
      () => undefined,
      () => endInLedger(db, storage, input),
    );
}
