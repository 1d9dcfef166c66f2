import { CLOCK } from '../db/ledger-queries.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import type { Unfinished } from '../jobs/job.ts';
import { Faults } from '../runtime/faults.ts';
import type { Storage } from '../storage/storage.ts';
import { type BackupStatus, MANIFEST } from './backup.ts';
import { backupFolder } from './backup-id.ts';
import { unknownBackup } from './backups.ts';

type Files = Pick<Storage, 'list' | 'delete'>;

export interface EndBackupInput {
  readonly backupId: string;
  readonly end: Unfinished;
}

/**
 * Records that a backup failed or was cancelled, unless it has ended already, and then deletes its files. The ledger
 * comes first: from then on no part of it counts, so that a straggler deletes what it still writes.
 *
 * @returns the status in the ledger: a cancellation that came after the manifest finds the backup done
 */
export async function endBackup(
  db: Sql,
  storage: Files,
  { backupId, end }: EndBackupInput,
): Promise<{ readonly status: BackupStatus }> {
  const failure = end.status === 'failed' ? end : { code: null, message: null };
  await db.ledger
    .updateTable('backup')
    .set({
      status: end.status,
      error_code: failure.code,
      error_message: failure.message,
      finished_at: CLOCK,
      pinned: false,
    })
    .where('id', '=', backupId)
    .where('status', '=', 'running')
    .execute();
  const row = await db.ledger
    .selectFrom('backup')
    .select('status')
    .where('id', '=', backupId)
    .executeTakeFirst();
  if (!row) throw unknownBackup(backupId);
  if (row.status !== 'done' && row.status !== 'running') await clearFiles(db, storage, backupId);
  return row;
}

/** Deletes the manifest first: without it the backup does not exist, however far the deletion gets. */
export async function clearFiles(db: Sql, storage: Files, id: string): Promise<void> {
  const keys = await storage.list(backupFolder(id));
  const manifests = keys.filter((key) => key.includes('/manifest.json'));
  for (const key of [...manifests, ...keys.filter((one) => !manifests.includes(one))])
    await storage.delete(key);
  await db.ledger.deleteFrom('backup_part').where('backup_id', '=', id).execute();
  await db.ledger
    .updateTable('backup')
    .set({ cleared_at: CLOCK })
    .where('id', '=', id)
    .where('status', '=', 'deleted')
    .execute();
}

const UNCLEARED_BACKUPS = statement<{ id: string }>`
  select id from longshore.backup
   where id = any ($1) and (status in ('failed', 'cancelled')
      or status = 'deleted' and (cleared_at is null or id <> all ($2)))`;

/**
 * Deletes files of failed, cancelled and deleted backups that a dead process left, or a straggler wrote. A manifest that
 * reappears after its backup was deleted is left for people to look at (`put-back`).
 * @throws Error of a backup whose files could not be deleted, once those of the others are
 */
export async function sweepBackups(db: Sql, storage: Files): Promise<void> {
  const keys = (await storage.list('backups/')).map((key) => key.split('/'));
  const stored = new Set(keys.map(([, id = '']) => id));
  const whole = keys.filter(([, , name]) => name === MANIFEST).map(([, id = '']) => id);
  const over = await db.query(UNCLEARED_BACKUPS, [[...stored], whole]);
  const faults = new Faults();
  for (const { id } of over) await faults.alone(`backup ${id}`, () => clearFiles(db, storage, id));
  faults.end();
}
