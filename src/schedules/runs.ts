import type { BackupStatus } from '../backups/backup.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import type { RestoreStatus } from '../restores/restore.ts';
import { startedByRun } from './run-ids.ts';

/** What a run of a schedule made, as the ledger has it. */
export interface RunLedger {
  readonly backup: { readonly id: string; readonly status: BackupStatus } | null;
  readonly drills: readonly {
    readonly restoreId: number;
    readonly backupId: string;
    readonly status: RestoreStatus;
  }[];
}

export const NOTHING_MADE: RunLedger = { backup: null, drills: [] };

const BACKUPS_OF_RUNS = statement<{ startedBy: string; id: string; status: BackupStatus }>`
  select started_by as "startedBy", id, status from longshore.backup
   where schedule_id = $1 and started_by = any($2)`;

const DRILLS_OF_RUNS = statement<{
  startedBy: string;
  restoreId: number;
  backupId: string;
  status: RestoreStatus;
}>`
  select started_by as "startedBy", id as "restoreId", backup_id as "backupId", status
    from longshore.restore where kind = 'drill' and started_by = any($1) order by id`;

/** By run ID; runs that made nothing are left out. */
export async function readRuns(
  db: Sql,
  scheduleId: string,
  runIds: readonly string[],
): Promise<ReadonlyMap<string, RunLedger>> {
  const keys = new Map(runIds.map((runId) => [startedByRun({ scheduleId, runId }), runId]));
  const [backups, drills] = await Promise.all([
    db.query(BACKUPS_OF_RUNS, [scheduleId, [...keys.keys()]]),
    db.query(DRILLS_OF_RUNS, [[...keys.keys()]]),
  ]);
  const runs = new Map<string, RunLedger>();
  for (const [key, runId] of keys) {
    const backup = backups.find(({ startedBy }) => startedBy === key);
    const ofRun = drills.filter(({ startedBy }) => startedBy === key);
    if (backup === undefined && ofRun.length === 0) continue;
    runs.set(runId, {
      backup: backup === undefined ? null : { id: backup.id, status: backup.status },
      drills: ofRun.map(({ restoreId, backupId, status }) => ({ restoreId, backupId, status })),
    });
  }
  return runs;
}
