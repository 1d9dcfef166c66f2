import { CLOCK, jsonb, moment } from '../db/ledger-queries.ts';
import { passIds } from '../loads/lineage-ids.ts';
import { recordManifest } from './attempts.ts';
import type { Manifest } from './backup.ts';
import type { BackupDeps } from './backup-deps.ts';
import { DOUBTS, type Doubt, doubt } from './doubts.ts';
import { idsOf } from './found-backups.ts';
import { judgeManifest } from './judge-manifest.ts';
import { readManifestFile } from './manifest.ts';

/**
 * Ends a backup that runs by the ledger, but has no workflow, and has a manifest: a backup exists when its manifest
 * does. This happens when the ledger was restored from an older copy. A backup that a key authenticates becomes done.
 * One without evidence for or against it becomes unverified, for a person to adopt: making it again would be another
 * backup, and would lose its files.
 *
 * @returns null when there is no manifest that could be its own, or the backup has ended
 */
export async function finishFromManifest(
  deps: BackupDeps,
  id: string,
): Promise<'done' | 'unverified' | null> {
  const { db, storage, keys } = deps;
  const file = await readManifestFile(storage, id);
  if (file === null) return null;
  const { manifest, sha256, doubts: found } = judgeManifest(file, keys, Date.now());
  if (manifest === null) return null;
  const own = await db.ledger.selectFrom('backup_origin').select('id').executeTakeFirst();
  const foreign =
    manifest.origin !== own?.id ? [doubt('foreign', 'it was made by another installation')] : [];
  const doubts = [...found, ...foreign];
  if (!doubts.every(({ reason }) => DOUBTS[reason].adoptable)) return null;
  if (doubts.length > 0) return (await leaveToPeople(deps, manifest, sha256, doubts)) ? 'unverified' : null;
  await passIds(db, idsOf(manifest));
  const row = await db.ledger
    .updateTable('backup')
    .set({ snapshot_at: moment(manifest.snapshotAt), parts_total: partsOf(manifest) })
    .where('id', '=', id)
    .where('status', '=', 'running')
    .returning('attempt')
    .executeTakeFirst();
  return row && (await recordManifest(db, row.attempt, manifest, sha256)) ? 'done' : null;
}

async function leaveToPeople(
  { db }: BackupDeps,
  manifest: Manifest,
  sha256: string,
  doubts: readonly Doubt[],
): Promise<boolean> {
  const { id, snapshotAt, tables } = manifest;
  const { numUpdatedRows } = await db.ledger
    .updateTable('backup')
    .set({
      status: 'unverified',
      unverified: jsonb(doubts),
      found: true,
      manifest: jsonb(manifest),
      manifest_sha256: sha256,
      snapshot_at: moment(snapshotAt),
      parts_total: partsOf(manifest),
      rows: tables.reduce((sum, { rows }) => sum + rows, 0),
      finished_at: CLOCK,
    })
    .where('id', '=', id)
    .where('status', '=', 'running')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

function partsOf({ tables }: Manifest): number {
  return tables.reduce((sum, { parts }) => sum + parts.length, 0);
}
