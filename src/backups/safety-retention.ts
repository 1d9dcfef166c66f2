import type { Database } from '../db/database.ts';
import type { Storage } from '../storage/storage.ts';
import { type AppliedRetention, removeEach } from './apply-retention.ts';
import { deleteBackup } from './end-backup.ts';

/** Restores are undone within days; what has to stay longer is pinned. */
export const SAFETY_KEPT_DAYS = 30;

/**
 * Deletes safety backups that are older than `SAFETY_KEPT_DAYS`, oldest first. The newest good one of each table stays
 * whatever its age, as do those that are pinned, that a drill found damaged, that a restore reads, or that are the
 * last good backup of a table at all.
 */
export async function removeOldSafety(
  db: Database,
  storage: Pick<Storage, 'list' | 'delete'>,
): Promise<AppliedRetention> {
  const old = await db.query<{ id: string }>(
    `with good as (
       select id, tables, pinned, coalesce(snapshot_at, created_at) as at from longshore.backup
        where purpose = 'safety' and status = 'done' and coalesce((verification->>'ok')::boolean, true))
     select g.id from good g
      where not g.pinned and g.at < now() - make_interval(days => $1)
        and not exists (
          select from unnest(g.tables) t(name)
           where not exists (
             select from good o where t.name = any (o.tables) and (o.at, o.id) > (g.at, g.id)))
      order by g.at, g.id`,
    [SAFETY_KEPT_DAYS],
  );
  return removeEach(
    old.map(({ id }) => id),
    (id) => deleteBackup(db, storage, id),
  );
}
