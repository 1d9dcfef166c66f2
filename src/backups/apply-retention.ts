import type { Sql } from '../db/sql.ts';
import { LongshoreError } from '../errors.ts';
import {
  planRetention,
  type RetainedBackup,
  type RetentionPlan,
  type RetentionPolicy,
  type RetentionScope,
} from './retention.ts';

interface BackupRow extends Omit<RetainedBackup, 'snapshotAt'> {
  readonly snapshotAt: Date;
}

/** What a policy would do now. */
export async function readRetention(
  db: Sql,
  policy: RetentionPolicy | null,
  scope: RetentionScope,
): Promise<RetentionPlan> {
  const rows = await db.query<BackupRow>(
    `select id, schedule_id as "scheduleId", purpose, pinned, tables, coalesce(snapshot_at, created_at) as "snapshotAt",
            coalesce(not (verification->>'ok')::boolean, false) as damaged
       from longshore.backup where status = 'done'`,
  );
  const backups = rows.map((row) => ({ ...row, snapshotAt: row.snapshotAt.toISOString() }));
  return planRetention(backups, policy, scope);
}

export interface AppliedRetention {
  readonly removed: readonly string[];
  /** Those that could not go at the moment: pinned since, or read by a restore. The next run tries again. */
  readonly left: readonly { readonly id: string; readonly reason: string }[];
}

/**
 * Follows the plan of this moment. Run again after half of it, it goes on with the rest.
 *
 * @param remove deletes one backup; a deleted one is no error
 */
export async function applyRetention(
  db: Sql,
  policy: RetentionPolicy | null,
  scope: RetentionScope,
  remove: (backupId: string) => Promise<void>,
): Promise<AppliedRetention> {
  const plan = await readRetention(db, policy, scope);
  // The oldest first: should it be interrupted, the younger ones are what is still there.
  return removeEach(plan.remove.map(({ id }) => id).reverse(), remove);
}

/** Removes backups in this order; those that may not go at the moment are told, and no error. */
export async function removeEach(
  ids: readonly string[],
  remove: (backupId: string) => Promise<void>,
): Promise<AppliedRetention> {
  const removed: string[] = [];
  const left: { id: string; reason: string }[] = [];
  for (const id of ids) {
    try {
      await remove(id);
      removed.push(id);
    } catch (error) {
      if (!(error instanceof LongshoreError) || error.code !== 'backup-state') throw error;
      left.push({ id, reason: error.message });
    }
  }
  return { removed, left };
}
