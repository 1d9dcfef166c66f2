import type { BackupStatus } from '../src/backups/backup.ts';
import { readBackup } from '../src/backups/backups.ts';
import type { ErrorCode } from '../src/errors.ts';
import type { ActivityDeps } from './deps.ts';

export interface SafetyState {
  readonly status: BackupStatus;
  readonly error: { readonly code: ErrorCode; readonly message: string } | null;
}

/** The status of the backup that a restore waits for. */
export function readSafetyBackup({ db }: ActivityDeps) {
  return async ({ backupId }: { readonly backupId: string }): Promise<SafetyState> => {
    const { status, error } = await readBackup(db, backupId);
    return { status, error: error && { code: error.code, message: error.message } };
  };
}
