import { createBackup, readBackupPlan } from '../src/backups/backups.ts';
import type { Tx } from '../src/db/database.ts';
import { RestoreEntity } from '../src/ledger/restore-entities.ts';
import {
  lockRestore,
  type RestoreStep,
  readRestorePlan,
  setRestoreStatus,
} from '../src/restores/restores.ts';
import { liveName } from '../src/tables/table-state.ts';
import type { Dictionary } from '../src/types.ts';
import type { DictionaryDeps } from './deps.ts';

export interface SafetyBackup {
  readonly backupId: string;
  readonly workflowId: string;
  readonly tables: readonly string[];
}

/** Records the backup to be made before anything changes; null when the tables are empty. */
export function beginSafetyBackup(deps: DictionaryDeps) {
  return async ({ restoreId }: RestoreStep): Promise<SafetyBackup | null> => {
    const dictionary = await deps.dictionary.look();
    return deps.db.transaction((tx) => begin(tx, deps, dictionary, restoreId));
  };
}

async function begin(
  tx: Tx,
  { backupKeys: keys }: DictionaryDeps,
  dictionary: Dictionary,
  restoreId: number,
): Promise<SafetyBackup | null> {
  await lockRestore(tx, restoreId);
  const { tables, safetyBackupId } = await readRestorePlan(tx, restoreId);
  const filled: string[] = [];
  for (const { table } of tables) {
    const rows = await tx.query(`select from ${liveName(table)} limit 1`);
    if (rows.length > 0) filled.push(table.name);
  }
  if (filled.length === 0) return null;
  await setRestoreStatus(tx, restoreId, 'saving');
  const backupId =
    safetyBackupId ??
    (await createBackup(tx, {
      dictionary,
      tables: filled,
      keys,
      purpose: 'safety',
      startedBy: `restore:${restoreId}`,
    }));
  await tx.em.nativeUpdate(RestoreEntity, restoreId, { safetyBackupId: backupId });
  const { workflowId } = await readBackupPlan(tx, backupId);
  return { backupId, workflowId, tables: filled };
}
