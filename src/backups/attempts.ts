import { addChecksums } from '../avro/checksum.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { LongshoreError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';
import type { BackupStatus, Manifest, ManifestTable, Part } from './backup.ts';
import { backupFolder } from './backup-id.ts';
import { type BackupPlan, unknownBackup } from './backups.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * A backup is made in attempts, each with a snapshot of its own; a snapshot ends with the connection that holds it.
 * The ledger's row says which attempt counts, and every part names its own.
 */

const BEGIN_ATTEMPT = statement<{ status: BackupStatus; attempt: number }>`
  with begun as (
    update longshore.backup set attempt = $2, snapshot_at = null, last_loads = null, parts_total = null
     where id = $1 and status = 'running' and attempt < $2)
  select status from longshore.backup where id = $1`;

const DELETE_FORMER_PARTS = statement`delete from longshore.backup_part where backup_id = $1 and attempt < $2`;

/**
 * Makes this attempt the one that counts, and clears away what those before it left.
 * @returns the backup's status: nothing was begun unless it is `running`
 */
export async function beginAttempt(
  db: Sql,
  storage: Pick<Storage, 'list' | 'delete'>,
  id: string,
  attempt: number,
): Promise<BackupStatus> {
  const [row] = await db.query(BEGIN_ATTEMPT, [id, attempt]);
  if (!row) throw unknownBackup(id);
  if (row.status !== 'running') return row.status;
  await db.query(DELETE_FORMER_PARTS, [id, attempt]);
  if (attempt > 1) await deleteStrays(db, storage, id, attempt);
  return row.status;
}

const RECORD_SNAPSHOT = statement`
  update longshore.backup set snapshot_at = $3, last_loads = $4, parts_total = $5
   where id = $1 and attempt = $2 and status = 'running'`;

export async function recordSnapshot(
  db: Sql,
  id: string,
  attempt: number,
  snapshot: Snapshot,
): Promise<void> {
  await db.query(RECORD_SNAPSHOT, [
    id,
    attempt,
    snapshot.at,
    JSON.stringify(snapshot.lastLoads),
    snapshot.parts.length,
  ]);
}

const ATTEMPT_COUNTS = statement`select from longshore.backup where id = $1 and attempt = $2 and status = 'running'`;

/** Whether this attempt is still the one that counts. */
export async function attemptCounts(db: Sql, id: string, attempt: number): Promise<boolean> {
  const found = await db.query(ATTEMPT_COUNTS, [id, attempt]);
  return found.length > 0;
}

export interface PartPlace {
  readonly backupId: string;
  readonly attempt: number;
  readonly table: string;
  readonly no: number;
}

const RECORD_PART = statement`
  insert into longshore.backup_part (backup_id, attempt, table_name, part_no, part)
  select id, attempt, $3, $4, $5 from longshore.backup
   where id = $1 and attempt = $2 and status = 'running'
  on conflict do nothing`;

/**
 * Writes a stored part into the ledger.
 * @returns the part that counts: another try's, when that was first; null when the attempt is over
 */
export async function recordPart(db: Sql, place: PartPlace, part: Part): Promise<Part | null> {
  const values = [place.backupId, place.attempt, place.table, place.no];
  await db.query(RECORD_PART, [...values, JSON.stringify(part)]);
  // Asked after the file and its row are there: whoever ends the attempt later finds the file and deletes it.
  return (await attemptCounts(db, place.backupId, place.attempt)) ? findPart(db, place) : null;
}

const FIND_PART = statement<{ part: Part }>`
  select part from longshore.backup_part
   where backup_id = $1 and attempt = $2 and table_name = $3 and part_no = $4`;

/** The part as it is in the ledger; null when it is not there yet. */
export async function findPart(db: Sql, { backupId, attempt, table, no }: PartPlace): Promise<Part | null> {
  const [row] = await db.query(FIND_PART, [backupId, attempt, table, no]);
  return row?.part ?? null;
}

const DELETE_STRAYS = statement<{
  name: string;
}>`select part ->> 'name' as name from longshore.backup_part where backup_id = $1 and attempt = $2`;

/** Files of the backup that no part of this attempt names. */
export async function deleteStrays(
  db: Sql,
  storage: Pick<Storage, 'list' | 'delete'>,
  id: string,
  attempt: number,
): Promise<void> {
  const named = await db.query(DELETE_STRAYS, [id, attempt]);
  const folder = backupFolder(id);
  const kept = new Set(named.map(({ name }) => folder + name));
  for (const key of await storage.list(folder)) if (!kept.has(key)) await storage.delete(key);
}

const READ_ATTEMPT = statement<{
  at: Date;
  lastLoads: Snapshot['lastLoads'];
  lastGroupId: number | null;
  partsTotal: number;
  origin: string;
}>`
  select snapshot_at as at, (select id from longshore.backup_origin) as origin, last_loads as "lastLoads", parts_total as "partsTotal",
         pg_sequence_last_value('longshore.batch_group_id')::float8 as "lastGroupId"
    from longshore.backup where id = $1 and snapshot_at is not null`;

const READ_PARTS = statement<{ table: string; part: Part }>`
  select table_name as "table", part from longshore.backup_part where backup_id = $1 and attempt = $2
   order by part_no`;

/**
 * The manifest of an attempt whose parts are all stored.
 * @throws LongshoreError `internal` when one is not
 */
export async function composeManifest(
  db: Sql,
  plan: BackupPlan,
  encryption: Manifest['encryption'],
): Promise<Manifest> {
  const [row] = await db.query(READ_ATTEMPT, [plan.id]);
  const stored = await db.query(READ_PARTS, [plan.id, plan.attempt]);
  if (!row || stored.length !== row.partsTotal) {
    throw new LongshoreError(
      'internal',
      `backup ${plan.id}: ${stored.length} of ${row?.partsTotal} parts are stored`,
    );
  }
  const { id, purpose, scheduleId, dictionary, codec } = plan;
  const tables = plan.tables.map((definition): ManifestTable => {
    const parts = stored.filter(({ table }) => table === definition.name).map(({ part }) => part);
    return {
      table: definition.name,
      definition,
      rows: parts.reduce((sum, { rows }) => sum + rows, 0),
      checksum: parts.map(({ checksum }) => checksum).reduce(addChecksums),
      lastLoadId: Object.hasOwn(row.lastLoads, definition.name) ? row.lastLoads[definition.name]! : null,
      parts,
    };
  });
  const snapshotAt = row.at.toISOString();
  const { lastGroupId, origin } = row;
  return {
    format: 1,
    id,
    origin,
    purpose,
    scheduleId,
    snapshotAt,
    dictionary,
    codec,
    encryption,
    lastGroupId,
    tables,
  };
}

const RECORD_MANIFEST = statement`
  update longshore.backup
     set status = 'done', manifest = $3, manifest_sha256 = $4, rows = $5, bytes = $6, finished_at = clock_timestamp()
   where id = $1 and attempt = $2 and status = 'running' returning 1`;

/** Makes the backup done, in one statement. @returns false when the attempt is over */
export async function recordManifest(
  db: Sql,
  attempt: number,
  manifest: Manifest,
  sha256: string,
): Promise<boolean> {
  const parts = manifest.tables.flatMap((table) => table.parts);
  const sum = (member: 'rows' | 'bytes') => parts.reduce((total, part) => total + part[member], 0);
  const done = await db.query(RECORD_MANIFEST, [
    manifest.id,
    attempt,
    JSON.stringify(manifest),
    sha256,
    sum('rows'),
    sum('bytes'),
  ]);
  return done.length > 0;
}
