import { CLOCK } from '../db/ledger-queries.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import type { BackupDeps } from './backup-deps.ts';
import { unknownBackup } from './backups.ts';
import { RELIANCE, type Reliance, relianceFault } from './choose-backup.ts';
import { clearFiles } from './end-backup.ts';

/**
 * Deletes the files of a backup that is done or unverified; the ledger keeps its row as `deleted`. Idempotent: a second
 * call deletes what the first may have left.
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
  await db.transaction(async (tx) => {
    // Two concurrent deletions of one table's backups would each see the other backup as the one that stays.
    await tx.query(`select pg_advisory_xact_lock(hashtextextended('longshore delete backup', 0))`);
    const row = await tx.ledger
      .selectFrom('backup')
      .select(['status', 'pinned', 'found'])
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (!row) throw unknownBackup(id);
    if (row.status === 'running') throw refused(id, 'is running: cancel it first');
    if (row.pinned) throw refused(id, 'is pinned: unpin it first');
    await refuseWhileUsed(tx, id);
    // A backup that was only found in the storage was never relied on.
    if (!force && !row.found) await refuseLast(tx, id, unreliable);
    await tx.ledger
      .updateTable('backup')
      .set({ status: 'deleted', unverified: null, deleted_at: CLOCK, cleared_at: null })
      .where('id', '=', id)
      .where('status', 'in', ['done', 'unverified'])
      .execute();
  });
  await clearFiles(db, storage, id);
}

async function refuseWhileUsed({ ledger }: Sql, id: string): Promise<void> {
  const used = await ledger
    .selectFrom('restore')
    .select('id')
    .where('backup_id', '=', id)
    .where('finished_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  if (used) throw refused(id, `is in use by restore ${used.id}`);
}

/** SQL: the backup `o` can replace `b`; a safety backup can't replace others, since it holds what a restore replaced. */
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
 * Backups that would replace this one, but can't be relied on. For each table they are checked from the newest on, until
 * one can.
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

async function refuseLast({ query }: Sql, id: string, unreliable: readonly string[]): Promise<void> {
  const [last] = await query(ONLY_BACKUP_OF, [id, unreliable]);
  if (!last) return;
  const why = last.good ? 'is the last good backup' : 'is damaged, but there is no good backup';
  throw refused(id, `${why} of ${last.table}: say force=true to delete it all the same`);
}

function refused(id: string, why: string): LongshoreError {
  return new LongshoreError('backup-state', `backup ${id} ${why}`);
}
