import { Context } from '@temporalio/activity';
import { applyRetention } from '../src/backups/apply-retention.ts';
import type { BackupDeps } from '../src/backups/backup-deps.ts';
import { createBackup, readBackupPlan } from '../src/backups/backups.ts';
import { deleteBackup } from '../src/backups/delete-backup.ts';
import { createDrill, type DrillOutcome, newestGoodBackups, readDrill } from '../src/restores/drills.ts';
import { readRestore, uidOfRestore } from '../src/restores/restores.ts';
import type { RunScheduleInput } from '../src/schedules/contract.ts';
import { backupIdOfRun, type ScheduledRun, startedByRun } from '../src/schedules/run-ids.ts';
import type { Dictionary } from '../src/types.ts';
import type { ActivityDeps } from './deps.ts';
import { failing } from './failures.ts';

export interface ScheduleActivityDeps extends Pick<ActivityDeps, 'db' | 'storage' | 'backupKeys'> {
  readonly dictionary: Dictionary;
}

export interface ScheduledBackup {
  readonly backupId: string;
  readonly workflowId: string;
  readonly tables: readonly string[];
}

export interface ScheduledDrill {
  readonly restoreId: number;
  /** Absent in histories of the time before there was one. */
  readonly uid?: string;
  readonly workflowId: string;
}

/** What runs of schedules ask of the ledger. Each may be asked twice. */
export function createScheduleActivities({
  db,
  storage,
  dictionary,
  backupKeys: keys,
}: ScheduleActivityDeps) {
  const backups: BackupDeps = { db, storage, keys };
  return {
    /** @throws `unknown-table` when the dictionary has lost a table that the schedule names */
    createScheduledBackup: failing(
      async ({ input, run }: { input: RunScheduleInput; run: ScheduledRun }): Promise<ScheduledBackup> => {
        const backupId = await createBackup(db, {
          id: backupIdOfRun(run),
          dictionary,
          tables: input.tables,
          ...(input.codec !== null && { codec: input.codec }),
          ...(input.encrypt !== null && { encrypt: input.encrypt }),
          keys,
          purpose: 'schedule',
          scheduleId: input.scheduleId,
          startedBy: startedByRun(run),
        });
        const { workflowId, tables } = await readBackupPlan(db, backupId);
        return { backupId, workflowId, tables: tables.map(({ name }) => name) };
      },
    ),

    /**
     * IDs of the newest good backups of the tables; of all of the dictionary when null.
     * @throws `backup-damaged` when a table has backups of which none can be read
     */
    chooseBackups: failing(async ({ tables }: { tables: readonly string[] | null }) => {
      const wanted = tables ?? dictionary.tables.map(({ name }) => name);
      const { ids, skipped } = await newestGoodBackups(backups, wanted);
      for (const { backupId, why } of skipped) {
        Context.current().log.warn('a newer backup is not drilled', { backupId, reason: why });
      }
      return ids;
    }),

    createDrill: failing(
      async ({ backupId, run }: { backupId: string; run: ScheduledRun }): Promise<ScheduledDrill> => {
        const restoreId = await createDrill(db, { backupId, dictionary, startedBy: startedByRun(run) });
        const uid = await uidOfRestore(db, restoreId);
        const { workflowId } = await readRestore(db, restoreId);
        return { restoreId, uid, workflowId };
      },
    ),

    readDrill: failing(
      ({ restoreId }: { restoreId: number }): Promise<DrillOutcome> => readDrill(db, restoreId),
    ),

    applyRetention: failing((input: Pick<RunScheduleInput, 'scheduleId' | 'timezone' | 'retention'>) =>
      applyRetention(
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
      ),
    ),
  };
}

export type ScheduleActivities = ReturnType<typeof createScheduleActivities>;
