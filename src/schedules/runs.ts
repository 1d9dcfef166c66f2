import type { BackupStatus } from '../backups/backup.ts';
import { anyOf } from '../db/ledger-queries.ts';
import type { Sql } from '../db/sql.ts';
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

/** Jobs by run ID, without runs that made none. */
export async function readRuns(
  db: Sql,
  scheduleId: string,
  runIds: readonly string[],
): Promise<ReadonlyMap<string, RunLedger>> {
  const keys = new Map(runIds.map((runId) => [startedByRun({ scheduleId, runId }), runId]));
  const startedBy = [...keys.keys()];
  const [backups, drills] = await Promise.all([
    db.ledger
      .selectFrom('backup')
      .select(['started_by as startedBy', 'id', 'status'])
      .where('schedule_id', '=', scheduleId)
      .where('started_by', '=', anyOf(startedBy))
      .execute(),
    db.ledger
      .selectFrom('restore')
      .select(['started_by as startedBy', 'id as restoreId', 'backup_id as backupId', 'status'])
      .where('kind', '=', 'drill')
      .where('started_by', '=', anyOf(startedBy))
      .orderBy('id')
      .execute(),
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
