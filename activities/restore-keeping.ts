import { Context } from '@temporalio/activity';
import type { BackupStatus } from '../src/backups/backup.ts';
import { createBackup, readBackup, readBackupPlan } from '../src/backups/backups.ts';
import { manifestDoubt } from '../src/backups/manifest.ts';
import type { Tx } from '../src/db/database.ts';
import { statement } from '../src/db/statement.ts';
import { type ErrorCode, LongshoreError } from '../src/errors.ts';
import { makeStage } from '../src/publish/stage.ts';
import { type EndedRestore, type EndRestoreInput, endRestore } from '../src/restores/end-restore.ts';
import type { RestoreKind, RestoreTarget } from '../src/restores/restore.ts';
import { closeGate, type GateState } from '../src/restores/restore-gate.ts';
import {
  lockRestore,
  type RestorePlan,
  type RestoreStep,
  readRestorePlan,
  setRestoreStatus,
} from '../src/restores/restores.ts';
import { liveName } from '../src/tables/table-state.ts';
import type { Dictionary } from '../src/types.ts';
import { attemptDatabase } from './attempt-database.ts';
import type { ActivityDeps } from './deps.ts';
import { failing } from './failures.ts';
import { ofRestore } from './of-restore.ts';
import type { StagePartInput } from './stage-part.ts';

export interface RestoreKeepingDeps
  extends Pick<ActivityDeps, 'db' | 'storage' | 'backupKeys' | 'onWritten'> {
  readonly dictionary: Dictionary;
}

export interface BegunRestore {
  readonly kind: RestoreKind;
  readonly target: RestoreTarget;
  readonly parts: readonly Omit<StagePartInput, keyof RestoreStep>[];
  readonly rows: number;
}

export interface SafetyBackup {
  readonly backupId: string;
  readonly workflowId: string;
  readonly tables: readonly string[];
}

/** What restores ask of the ledger, beside the workflows. Each may be asked twice. */
export function createRestoreKeeping(given: RestoreKeepingDeps) {
  const deps = { ...given, db: attemptDatabase(given.db) };
  const { db, storage, onWritten } = deps;
  return {
    /** Checks the manifest and makes the stages. @throws `restore-state` when the restore has ended */
    beginRestore: failing(
      ofRestore(deps, async ({ restoreId }: RestoreStep): Promise<BegunRestore> => {
        const plan = await readRestorePlan(db, restoreId);
        // What is restored is what the ledger's copy of the manifest says; of an unverified one there is nothing better.
        const { id, manifestSha256 } = plan.backup;
        const changed = plan.target.acceptUnverified
          ? null
          : await manifestDoubt(storage, id, manifestSha256);
        if (changed) throw new LongshoreError('backup-damaged', changed.detail);
        await db.transaction(async (tx) => {
          await lockRestore(tx, restoreId);
          for (const { table, stage } of plan.tables) await makeStage(tx, table, stage);
        });
        await setRestoreStatus(db, restoreId, 'staging');
        return begunOf(plan);
      }),
    ),

    closeGate: failing(
      ofRestore(deps, ({ restoreId }: RestoreStep): Promise<GateState> => closeGate(db, restoreId)),
    ),

    /** The backup to be made before anything changes; null when the tables are empty. */
    beginSafetyBackup: failing(
      ofRestore(
        deps,
        ({ restoreId }: RestoreStep): Promise<SafetyBackup | null> =>
          db.transaction((tx) => beginSafetyBackup(tx, deps, restoreId)),
      ),
    ),

    readSafetyBackup: failing(async ({ backupId }: { backupId: string }): Promise<SafetyState> => {
      const { status, error } = await readBackup(db, backupId);
      return { status, error: error && { code: error.code, message: error.message } };
    }),

    endRestore: failing(async (input: EndRestoreInput): Promise<EndedRestore> => {
      const ended = await endRestore(db, input);
      const misfits = input.proof?.misfits ?? [];
      if (misfits.length > 0) {
        Context.current().log.warn('a backup is good, and the dictionary would refuse it', {
          restoreId: input.restoreId,
          misfits,
        });
      }
      if (ended.status === 'done') onWritten?.();
      return ended;
    }),
  };
}

export interface SafetyState {
  readonly status: BackupStatus;
  readonly error: { readonly code: ErrorCode; readonly message: string } | null;
}

export type RestoreKeeping = ReturnType<typeof createRestoreKeeping>;

function begunOf({ kind, target, tables }: RestorePlan): BegunRestore {
  const parts = tables.flatMap(({ table, saved }) =>
    saved.parts.map((_, partNo) => ({ table: table.name, partNo })),
  );
  return { kind, target, parts, rows: tables.reduce((sum, { saved }) => sum + saved.rows, 0) };
}

const BEGIN_SAFETY_BACKUP = statement`update longshore.restore set safety_backup_id = $2 where id = $1`;

async function beginSafetyBackup(
  tx: Tx,
  { dictionary, backupKeys: keys }: RestoreKeepingDeps,
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
  await tx.query(BEGIN_SAFETY_BACKUP, [restoreId, backupId]);
  const { workflowId } = await readBackupPlan(tx, backupId);
  return { backupId, workflowId, tables: filled };
}
