import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import { Faults } from '../runtime/faults.ts';
import type { BackupDeps } from './backup-deps.ts';
import { RELIANCE, type Reliance, relianceFault } from './choose-backup.ts';
import {
  planRetention,
  type RetainedBackup,
  type RetentionPlan,
  type RetentionPolicy,
  type RetentionScope,
} from './retention.ts';

interface BackupRow extends Reliance, Omit<RetainedBackup, 'snapshotAt' | 'fault'> {
  readonly at: Date;
}

const READ_RETENTION = statement<{ [member in keyof BackupRow]: BackupRow[member] }>`
  select ${RELIANCE}, b.schedule_id as "scheduleId", b.purpose, b.pinned, b.tables,
         coalesce(b.snapshot_at, b.created_at) as at
    from longshore.backup b where b.status = 'done'`;

/** The plan of a policy at present. Only verified backups that the storage has as they were written count. */
export async function readRetention(
  deps: BackupDeps,
  policy: RetentionPolicy | null,
  scope: RetentionScope,
  onRead: () => void = () => undefined,
): Promise<RetentionPlan> {
  const rows = await deps.db.query(READ_RETENTION);
  const backups: RetainedBackup[] = [];
  for (const row of rows) {
    const fault = await relianceFault(deps, row);
    onRead();
    const { id, scheduleId, purpose, pinned, tables, at } = row;
    backups.push({ id, scheduleId, purpose, pinned, tables, fault, snapshotAt: at.toISOString() });
  }
  return planRetention(backups, policy, scope);
}

export interface AppliedRetention {
  readonly removed: readonly string[];
  /** Backups that could not be removed: pinned since, or read by a restore. The next run retries. */
  readonly left: readonly { readonly id: string; readonly reason: string }[];
}

export interface RetentionWork {
  /** Deletes one backup; a deleted one is no error. */
  readonly remove: (backupId: string) => Promise<void>;
  /** Called for each backup that was examined. */
  readonly onRead?: () => void;
}

/** Applies the plan of this moment. Idempotent: a second run continues where the first was interrupted. */
export async function applyRetention(
  deps: BackupDeps,
  policy: RetentionPolicy | null,
  scope: RetentionScope,
  { remove, onRead }: RetentionWork,
): Promise<AppliedRetention> {
  const plan = await readRetention(deps, policy, scope, onRead);
  // The oldest first, so that an interrupted run leaves the younger ones.
  return removeEach(plan.remove.map(({ id }) => id).reverse(), remove);
}

/**
 * Removes backups in this order; those that may not go at the moment are reported, which is not an error.
 * @throws Error of one that could not be removed, once the others are
 */
export async function removeEach(
  ids: readonly string[],
  remove: (backupId: string) => Promise<void>,
): Promise<AppliedRetention> {
  const removed: string[] = [];
  const left: { id: string; reason: string }[] = [];
  const faults = new Faults();
  for (const id of ids) {
    await faults.alone(`backup ${id}`, async () => {
      try {
        await remove(id);
        removed.push(id);
      } catch (error) {
        if (!(error instanceof LongshoreError) || error.code !== 'backup-state') throw error;
        left.push({ id, reason: error.message });
      }
    });
  }
  faults.end();
  return { removed, left };
}
