import { clearFiles } from '../backups/end-backup.ts';
import type { Database } from '../db/database.ts';
import type { Storage } from '../storage/storage.ts';
import { inSlices, OLD, SLICE, type Slices } from './slices.ts';

async function count(db: Database, statement: string, values: readonly unknown[]): Promise<number> {
  const [gone] = await db.query<{ n: number }>(
    `with gone as (${statement} returning 1) select count(*)::int as n from gone`,
    values,
  );
  return gone?.n ?? 0;
}

/**
 * Deletes drills, dry runs and restores that ended long ago. Those that changed a table stay: whether a file is loaded
 * already, and whether a report is up to date, depends on them.
 */
export function deleteOldRestores(db: Database, slices: Slices): Promise<number> {
  return inSlices(slices, () =>
    count(
      db,
      `delete from longshore.restore where id in (
         select x.id from longshore.restore x
          where x.finished_at < ${OLD}
            and (x.kind <> 'restore' or x.status <> 'done' or x.target ->> 'as' is not null)
            and coalesce(x.keep_until < now(), true)
            and not exists (select from longshore.table_gate t where t.restore_id = x.id)
          order by x.finished_at limit ${SLICE})`,
      [slices.days],
    ),
  );
}

/**
 * Deletes entries of backups that never became one, after what may be left of their files. Entries of deleted backups
 * stay: without them a copy that somebody puts back would be taken for a backup.
 */
export async function deleteFailedBackups(
  { db, storage }: { readonly db: Database; readonly storage: Storage },
  slices: Slices,
): Promise<number> {
  const unused = `b.status in ('failed', 'cancelled') and b.finished_at < ${OLD} and not exists (
    select from longshore.restore r where r.backup_id = b.id or r.safety_backup_id = b.id)`;
  const old = await db.query<{ id: string }>(
    `select b.id from longshore.backup b where ${unused} order by b.finished_at`,
    [slices.days],
  );
  let deleted = 0;
  for (const { id } of old) {
    await clearFiles(db, storage, id);
    deleted += await count(db, `delete from longshore.backup b where b.id = $2 and ${unused}`, [
      slices.days,
      id,
    ]);
    slices.between(deleted);
  }
  return deleted;
}

export function deleteOldAudit(db: Database, slices: Slices): Promise<number> {
  return inSlices(slices, () =>
    count(
      db,
      `delete from longshore.audit where id in (
         select id from longshore.audit where at < ${OLD} order by at limit ${SLICE})`,
      [slices.days],
    ),
  );
}
