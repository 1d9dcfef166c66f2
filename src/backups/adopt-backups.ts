import type { Database } from '../db/database.ts';
import { LongshoreError } from '../errors.ts';
import { BACKUP_WORKFLOW_ID } from '../installation/workflow-ids.ts';
import { passIds } from '../ledger/lineage-ids.ts';
import type { Storage } from '../storage/storage.ts';
import { MANIFEST, type Manifest } from './backup.ts';
import { BACKUP_ID } from './backup-id.ts';
import { type ReadManifest, readManifest } from './manifest.ts';

/** What stands for the key that asked, where it is not known any more. */
const ADOPTED = 'storage';

export interface Adopted {
  /** IDs of the backups that the ledger learnt of. */
  readonly adopted: readonly string[];
  /** Those whose manifest can't be believed, and why. */
  readonly refused: readonly { readonly id: string; readonly reason: string }[];
}

/**
 * Makes backups that are in the storage known to a ledger that has never heard of them: a new database after the old
 * one was lost. The manifest says all that a restore needs. Those that the ledger knows are left alone, whatever
 * their status. New loads and groups of batches get IDs past those of the rows in them.
 */
export async function adoptBackups(
  db: Pick<Database, 'query' | 'transaction'>,
  storage: Pick<Storage, 'list' | 'stat' | 'read'>,
): Promise<Adopted> {
  const stored = (await storage.list('backups/'))
    .map((key) => key.split('/'))
    .filter(([, id = '', name, more]) => BACKUP_ID.test(id) && name === MANIFEST && more === undefined)
    .map(([, id = '']) => id);
  const known = await db.query<{ id: string }>('select id from longshore.backup where id = any ($1)', [
    stored,
  ]);
  const unknown = stored.filter((id) => !known.some((row) => row.id === id)).sort();
  const adopted: string[] = [];
  const refused: { id: string; reason: string }[] = [];
  for (const id of unknown) {
    try {
      const found = await readManifest(storage, id);
      // Before the backup is known, so that an interrupted try is tried again.
      await passIds(db, idsOf(found.manifest));
      await record(db, found);
      adopted.push(id);
    } catch (error) {
      if (!(error instanceof LongshoreError) || error.code !== 'backup-damaged') throw error;
      refused.push({ id, reason: error.message });
    }
  }
  return { adopted, refused };
}

async function record(db: Pick<Database, 'query'>, { manifest, sha256 }: ReadManifest): Promise<void> {
  const { id, purpose, scheduleId, snapshotAt, dictionary, codec, encryption, tables } = manifest;
  const parts = tables.flatMap((table) => table.parts);
  await db.query(
    `insert into longshore.backup
       (id, purpose, schedule_id, tables, definitions, status, codec, encrypted, key_id, workflow_id, dictionary_name,
        dictionary_version, snapshot_at, parts_total, manifest, manifest_sha256, rows, bytes, started_by, created_at,
        finished_at)
     values ($1, $2, $3, $4, $5, 'done', $6, $7, $8, ${BACKUP_WORKFLOW_ID}, $9, $10, $11, $12, $13, $14, $15, $16, $17,
        $11, $11)
     on conflict (id) do nothing`,
    [
      id,
      purpose,
      scheduleId,
      tables.map(({ table }) => table),
      JSON.stringify(tables.map(({ definition }) => definition)),
      codec,
      encryption !== null,
      encryption?.keyId ?? null,
      dictionary.name,
      dictionary.version,
      snapshotAt,
      parts.length,
      JSON.stringify(manifest),
      sha256,
      totalOf(manifest),
      parts.reduce((sum, { bytes }) => sum + bytes, 0),
      ADOPTED,
    ],
  );
}

/** `_load_id`s that rows of the backup may have. */
export function idsOf({ lastGroupId, tables }: Manifest): number[] {
  return [lastGroupId, ...tables.map(({ lastLoadId }) => lastLoadId)].filter((id) => typeof id === 'number');
}

function totalOf({ tables }: Manifest): number {
  return tables.reduce((sum, { rows }) => sum + rows, 0);
}
