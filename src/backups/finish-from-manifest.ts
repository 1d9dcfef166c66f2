import type { Database } from '../db/database.ts';
import { LongshoreError } from '../errors.ts';
import { passIds } from '../ledger/lineage-ids.ts';
import type { Storage } from '../storage/storage.ts';
import { idsOf } from './adopt-backups.ts';
import { recordManifest } from './attempts.ts';
import { type ReadManifest, readManifest } from './manifest.ts';

/**
 * Makes a backup done that the ledger believes to be running, and whose manifest is there: a backup exists when its
 * manifest does. The ledger of the time when it was written was lost; of this one an older copy came back.
 *
 * @returns false when there is no manifest that can be believed, or the backup has ended
 */
export async function finishFromManifest(
  db: Pick<Database, 'query' | 'transaction'>,
  storage: Pick<Storage, 'stat' | 'read'>,
  id: string,
): Promise<boolean> {
  const found = await readIfThere(storage, id);
  if (found === null) return false;
  const { manifest, sha256 } = found;
  await passIds(db, idsOf(manifest));
  const parts = manifest.tables.reduce((sum, table) => sum + table.parts.length, 0);
  const [row] = await db.query<{ attempt: number }>(
    `update longshore.backup set snapshot_at = $2, parts_total = $3 where id = $1 and status = 'running'
     returning attempt`,
    [id, manifest.snapshotAt, parts],
  );
  return row !== undefined && recordManifest(db, row.attempt, manifest, sha256);
}

async function readIfThere(
  storage: Pick<Storage, 'stat' | 'read'>,
  id: string,
): Promise<ReadManifest | null> {
  try {
    return await readManifest(storage, id);
  } catch (error) {
    if (error instanceof LongshoreError && error.code === 'backup-damaged') return null;
    throw error;
  }
}
