import { Context } from '@temporalio/activity';
import { beginAttempt } from '../src/backups/attempts.ts';
import type { BackupStatus } from '../src/backups/backup.ts';
import { noteFirstRun } from '../src/jobs/start-job.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';

export interface BackupAttempt {
  readonly backupId: string;
  /** From 1. */
  readonly attempt: number;
}

/** Makes this attempt the one that counts. Nothing was begun unless the status is `running`. */
export function beginBackup({ db, storage }: ActivityDeps) {
  return async ({ backupId, attempt }: BackupAttempt): Promise<{ readonly status: BackupStatus }> => {
    const status = await whileBeating(
      () => undefined,
      () => beginAttempt(db, storage, backupId, attempt),
    );
    await noteFirstRun(db.ledger, 'backup', Context.current().info.workflowExecution!);
    return { status };
  };
}
