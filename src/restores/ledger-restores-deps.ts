import type { BackupKeys } from '../backups/backup-keys.ts';
import type { JobDeps } from '../jobs/job-kind.ts';
import type { Dictionary } from '../types.ts';

export interface LedgerRestoresDeps extends JobDeps {
  readonly backupKeys: BackupKeys;
  readonly dictionary: Dictionary;
  readonly maxCopies: number;
}
