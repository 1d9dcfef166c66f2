import { clearFiles } from '../backups/end-backup.ts';
import type { Database } from '../db/database.ts';
import { asDatabaseError } from '../db/database-error.ts';
import type { Sql } from '../db/sql.ts';
import { part, type Statement, statement } from '../db/statement.ts';
import type { Storage } from '../storage/storage.ts';
import { inSlices, OLD, SLICE, type Slices } from './slices.ts';

async function count(db: Sql, of: Statement<{ n: number }>, values: readonly unknown[]): Promise<number> {
  const [gone] = await db.query(of, values);
  return gone?.n ?? 0;
}

const DELETE_RESTORES = statement<{ n: number }>`
  with gone as (
    delete from longshore.restore where id in (
      select x.id from longshore.restore x
       where x.finished_at < ${OLD}
         and (x.kind <> 'restore' or x.status <> 'done' or x.target ->> 'as' is not null)
         and coalesce(x.keep_until < now(), true)
         and not exists (select from longshore.table_gate t where t.restore_id = x.id)
       order by x.finished_at limit ${SLICE})
    returning 1)
  select count(*)::int as n from gone`;

/**
 * Deletes drills, dry runs and restores that ended long ago, except those that changed a table: whether a file is loaded
 * already, and whether a report is up to date, depends on them.
 */
export function deleteOldRestores(db: Database, slices: Slices): Promise<number> {
  return inSlices(slices, () => count(db, DELETE_RESTORES, [slices.days]));
}

/** SQL condition: the backup `b` failed or was cancelled, and nothing refers to it. */
const UNUSED = part`b.status in ('failed', 'cancelled') and b.finished_at < ${OLD} and not exists (
    select from longshore.restore r where r.backup_id = b.id or r.safety_backup_id = b.id)`;

const UNUSED_BACKUPS = statement<{ id: string }>`
  select b.id from longshore.backup b where ${UNUSED} order by b.finished_at`;

const DELETE_BACKUP = statement<{ n: number }>`
  with gone as (delete from longshore.backup b where b.id = $2 and ${UNUSED} returning 1)
  select count(*)::int as n from gone`;

/**
 * Deletes entries of failed and cancelled backups, after any files left of them. Entries of deleted backups stay:
 * without them a copy that somebody puts back would be accepted as a backup.
 * @param onLeft called with a backup whose files could not be deleted, and why: the next run tries again
 */
export async function deleteFailedBackups(
  { db, storage }: { readonly db: Database; readonly storage: Storage },
  slices: Slices,
  onLeft: (backupId: string, error: unknown) => void,
): Promise<number> {
  const old = await db.query(UNUSED_BACKUPS, [slices.days]);
  let deleted = 0;
  for (const { id } of old) {
    try {
      await clearFiles(db, storage, id);
      deleted += await count(db, DELETE_BACKUP, [slices.days, id]);
    } catch (error) {
      // Without PostgreSQL no other one would go either, and a retry goes on with the rest.
      if (asDatabaseError(error) !== null) throw error;
      onLeft(id, error);
    }
    slices.between(deleted);
  }
  return deleted;
}

const DELETE_AUDIT = statement<{ n: number }>`
  with gone as (
    delete from longshore.audit where id in (
      select id from longshore.audit where at < ${OLD} order by at limit ${SLICE})
    returning 1)
  select count(*)::int as n from gone`;

export function deleteOldAudit(db: Database, slices: Slices): Promise<number> {
  return inSlices(slices, () => count(db, DELETE_AUDIT, [slices.days]));
}
