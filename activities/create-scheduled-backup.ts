import { createBackup, readBackupPlan } from '../src/backups/backups.ts';
import type { RunScheduleInput } from '../src/schedules/contract.ts';
import { backupIdOfRun, type ScheduledRun, startedByRun } from '../src/schedules/run-ids.ts';
import type { DictionaryDeps } from './deps.ts';

export interface ScheduledBackup {
  readonly backupId: string;
  readonly workflowId: string;
  readonly tables: readonly string[];
}

/**
 * Records the backup of a schedule's run. Idempotent.
 * @throws `unknown-table` when the dictionary has lost a table that the schedule names
 */
export function createScheduledBackup({ db, dictionary, backupKeys: keys }: DictionaryDeps) {
  return async ({
    input,
    run,
  }: {
    readonly input: RunScheduleInput;
    readonly run: ScheduledRun;
  }): Promise<ScheduledBackup> => {
    const wanted = {
      id: backupIdOfRun(run),
      dictionary: await dictionary.look(),
      tables: input.tables,
      ...(input.codec !== null && { codec: input.codec }),
      ...(input.encrypt !== null && { encrypt: input.encrypt }),
      keys,
      purpose: 'schedule',
      scheduleId: input.scheduleId,
      startedBy: startedByRun(run),
    } as const;
    const backupId = await db.transaction((tx) => createBackup(tx, wanted));
    const { workflowId, tables } = await readBackupPlan(db, backupId);
    return { backupId, workflowId, tables: tables.map(({ name }) => name) };
  };
}
