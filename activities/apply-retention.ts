import { Context } from '@temporalio/activity';
import { applyRetention as applyInLedger } from '../src/backups/apply-retention.ts';
import { deleteBackup } from '../src/backups/delete-backup.ts';
import type { RunScheduleInput } from '../src/schedules/contract.ts';
import type { ActivityDeps } from './deps.ts';

/** Deletes the backups of a schedule that no rule keeps. */
export function applyRetention({ db, storage, backupKeys: keys }: ActivityDeps) {
  const backups = { db, storage, keys };
  return (input: Pick<RunScheduleInput, 'scheduleId' | 'timezone' | 'retention'>) =>
    applyInLedger(
      backups,
      input.retention,
      { ...input, now: new Date().toISOString() },
      {
        onRead: () => Context.current().heartbeat(),
        remove: async (backupId) => {
          Context.current().heartbeat({ backupId });
          await deleteBackup(backups, backupId);
        },
      },
    );
}
