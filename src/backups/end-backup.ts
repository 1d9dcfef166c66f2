import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { type ErrorCode, LongshoreError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';
import { type BackupStatus, MANIFEST } from './backup.ts';
import type { BackupDeps } from './backup-deps.ts';
import { backupFolder } from './backup-id.ts';
import { unknownBackup } from './backups.ts';
import { RELIANCE, type Reliance, relianceFault } from './choose-backup.ts';

type Files = Pick<Storage, 'list' | 'delete'>;

export interface EndBackupInput {
  readonly backupId: string;
  readonly end:
    | { readonly status: 'cancelled' }
    | { readonly status: 'failed'; readonly code: ErrorCode; readonly message: string };
}

const END_BACKUP = statement`
  update longshore.backup
     set status = $2, error_code = $3, error_message = $4, finished_at = clock_timestamp(), pinned = false
   where id = $1 and status = 'running'`;

const READ_STATUS = statement<{ status: BackupStatus }>`select status from longshore.backup where id = $1`;

/**
 * Writes that a backup did not become one, unless it has ended already, and then deletes its files. The ledger first:
 * from then on no part of it counts, so that what a straggler still writes it deletes itself.
 *
 * @returns what the ledger says: a cancellation that came after the manifest finds the backup done
 */
export async function endBackup(
  db: Sql,
  storage: Files,
  { backupId, end }: EndBackupInput,
): Promise<{ readonly status: BackupStatus }> {
  const failure = end.status === 'failed' ? [end.code, end.message] : [null, null];
  await db.query(END_BACKUP, [backupId, end.status, ...failure]);
  const [row] = await db.query(READ_STATUS, [backupId]);
  if (!row) throw unknownBackup(backupId);
  if (row.status !== 'done' && row.status !== 'running') await clearFiles(db, storage, backupId);
  return row;
}

const DELETE_PARTS = statement`delete from longshore.backup_part where backup_id = $1`;

const NOTE_CLEARED = statement`update longshore.backup set cleared_at = clock_timestamp() where id = $1 and status = 'deleted'`;

/** Manifest first: what has no manifest is no backup, however far the deleting gets. */
export async function clearFiles(db: Sql, storage: Files, id: string): Promise<void> {
  const keys = await storage.list(backupFolder(id));
  const manifests = keys.filter((key) => key.includes('/manifest.json'));
  for (const key of [...manifests, ...keys.filter((one) => !manifests.includes(one))])
    await storage.delete(key);
  await db.query(DELETE_PARTS, [id]);
  await db.query(NOTE_CLEARED, [id]);
}

const LOCK_BACKUP = statement<{
  status: BackupStatus;
  pinned: boolean;
  found: boolean;
}>`select status, pinned, found from longshore.backup where id = $1 for update`;

const DELETE_BACKUP = statement`
  update longshore.backup
     set status = 'deleted', unverified = null, deleted_at = clock_timestamp(), cleared_at = null
   where id = $1 and status in ('done', 'unverified')`;

/**
 * Deletes a backup that is done or unverified: its files; the ledger keeps a row of it, `deleted`. Doing it twice is not an error,
 * and clears away what the first time may have left.
 *
 * @throws LongshoreError `unknown-backup`; `backup-state` while it runs, is pinned or is in use by a restore, and,
 *   unless forced, when it is the newest good backup of one of its tables
 */
export async function deleteBackup(
  deps: BackupDeps,
  id: string,
  { force = false }: { readonly force?: boolean } = {},
): Promise<void> {
  const { db, storage } = deps;
  const unreliable = force ? [] : await unreliableStandIns(deps, id);
  await db.transaction(async ({ query }) => {
    // Two of one table, deleted at the same moment, would each see the other as the one that stays.
    await query(`select pg_advisory_xact_lock(hashtextextended('longshore delete backup', 0))`);
    const [row] = await query(LOCK_BACKUP, [id]);
    if (!row) throw unknownBackup(id);
    if (row.status === 'running') throw refused(id, 'is running: cancel it first');
    if (row.pinned) throw refused(id, 'is pinned: unpin it first');
    await refuseWhileUsed(query, id);
    // What was only found has never stood for anything.
    if (!force && !row.found) await refuseLast(query, id, unreliable);
    await query(DELETE_BACKUP, [id]);
  });
  await clearFiles(db, storage, id);
}

const RESTORES_OF_BACKUP = statement<{
  id: number;
}>`select id from longshore.restore where backup_id = $1 and finished_at is null limit 1`;

async function refuseWhileUsed(query: Sql['query'], id: string): Promise<void> {
  const [used] = await query(RESTORES_OF_BACKUP, [id]);
  if (used) throw refused(id, `is in use by restore ${used.id}`);
}

/** A backup `o` that stands in for `b` when that goes: a safety backup holds what a restore replaced, so for no other. */
const STANDS_IN = `o.status = 'done' and o.id <> b.id and coalesce((o.verification->>'ok')::boolean, true)
  and (o.purpose <> 'safety' or b.purpose = 'safety')`;

const UNRELIABLE_STAND_INS = statement<{ [member in keyof Reliance]: Reliance[member] }>`
  select distinct on (o.id) o.* from longshore.backup x, unnest(x.tables) t(name), lateral (
    select ${RELIANCE} from longshore.backup b where b.id in (
      select o.id from longshore.backup o, longshore.backup b
       where b.id = x.id and ${STANDS_IN} and t.name = any (o.tables) and o.id <> all ($2)
       order by o.snapshot_at desc, o.id desc limit 1)) o
   where x.id = $1`;

/**
 * Backups that would stand in for this one, and can't be relied on. Of each table the newest are looked at, until one
 * is found that can.
 */
async function unreliableStandIns(deps: BackupDeps, id: string): Promise<string[]> {
  const unreliable: string[] = [];
  const looked = new Set<string>();
  for (;;) {
    const newest = await deps.db.query(UNRELIABLE_STAND_INS, [id, unreliable]);
    const fresh = newest.filter((one) => !looked.has(one.id));
    if (fresh.length === 0) return unreliable;
    for (const one of fresh) {
      looked.add(one.id);
      if ((await relianceFault(deps, one)) !== null) unreliable.push(one.id);
    }
  }
}

const ONLY_BACKUP_OF = statement<{ table: string; good: boolean }>`
  select t.name as "table", b.status = 'done' and coalesce((b.verification->>'ok')::boolean, true) as good
    from longshore.backup b, unnest(b.tables) t(name)
   where b.id = $1 and b.status in ('done', 'unverified') and not exists (
     select from longshore.backup o where ${STANDS_IN} and t.name = any (o.tables) and o.id <> all ($2))
   limit 1`;

async function refuseLast(query: Sql['query'], id: string, unreliable: readonly string[]): Promise<void> {
  const [last] = await query(ONLY_BACKUP_OF, [id, unreliable]);
  if (!last) return;
  const why = last.good ? 'is the last good backup' : 'is damaged, but there is no good backup';
  throw refused(id, `${why} of ${last.table}: say force=true to delete it all the same`);
}

function refused(id: string, why: string): LongshoreError {
  return new LongshoreError('backup-state', `backup ${id} ${why}`);
}

const UNCLEARED_BACKUPS = statement<{ id: string }>`
  select id from longshore.backup
   where id = any ($1) and (status in ('failed', 'cancelled')
      or status = 'deleted' and (cleared_at is null or id <> all ($2)))`;

/**
 * Files of backups that did not become one, or are deleted: what a process that died left, or a straggler wrote. A
 * manifest that is there again after its backup was deleted is for people to look at (`put-back`).
 */
export async function sweepBackups(db: Sql, storage: Files): Promise<void> {
  const keys = (await storage.list('backups/')).map((key) => key.split('/'));
  const stored = new Set(keys.map(([, id = '']) => id));
  const whole = keys.filter(([, , name]) => name === MANIFEST).map(([, id = '']) => id);
  const over = await db.query(UNCLEARED_BACKUPS, [[...stored], whole]);
  for (const { id } of over) await clearFiles(db, storage, id);
}
