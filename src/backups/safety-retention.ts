import { statement } from '../db/statement.ts';
import { type AppliedRetention, removeEach } from './apply-retention.ts';
import type { BackupDeps } from './backup-deps.ts';
import { RELIANCE, type Reliance, relianceFault } from './choose-backup.ts';
import { deleteBackup } from './delete-backup.ts';

/** Restores are undone within days; what has to stay longer is pinned. */
const SAFETY_KEPT_DAYS = 30;

interface SafetyBackup extends Reliance {
  readonly tables: readonly string[];
  readonly pinned: boolean;
  readonly old: boolean;
}

const REMOVE_OLD_SAFETY = statement<{ [member in keyof SafetyBackup]: SafetyBackup[member] }>`
  select ${RELIANCE}, b.tables, b.pinned,
         coalesce(b.snapshot_at, b.created_at) < now() - make_interval(days => $1) as old
    from longshore.backup b where b.purpose = 'safety' and b.status = 'done'
   order by coalesce(b.snapshot_at, b.created_at) desc, b.id desc`;

/**
 * Deletes safety backups that are older than `SAFETY_KEPT_DAYS`, oldest first. The newest good one of each table stays
 * at any age, as do those that are pinned, that can't be relied on, that a restore reads, or that are the only good
 * backup of a table.
 */
export async function removeOldSafety(
  deps: BackupDeps,
  onRemoved: (backupId: string) => void = () => undefined,
): Promise<AppliedRetention> {
  const newestFirst = await deps.db.query(REMOVE_OLD_SAFETY, [SAFETY_KEPT_DAYS]);
  if (!newestFirst.some(({ old }) => old)) return { removed: [], left: [] };
  const held = new Set<string>();
  const over: string[] = [];
  for (const backup of newestFirst) {
    if ((await relianceFault(deps, backup)) !== null) continue;
    const newest = backup.tables.some((table) => !held.has(table));
    for (const table of backup.tables) held.add(table);
    if (backup.old && !backup.pinned && !newest) over.push(backup.id);
  }
  return removeEach(over.reverse(), async (id) => {
    await deleteBackup(deps, id);
    onRemoved(id);
  });
}
