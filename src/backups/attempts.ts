import { addChecksums } from '../avro/checksum.ts';
import { CLOCK, jsonb } from '../db/ledger-queries.ts';
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

const BEGIN_ATTEMPT = statement<{ status: BackupStatus }>`
  with begun as (
    update longshore.backup set attempt = $2, snapshot_at = null, last_loads = null, parts_total = null
     where id = $1 and status = 'running' and attempt < $2)
  select status from longshore.backup where id = $1`;

/**
 * Makes this attempt the one that counts, and deletes the leftovers of earlier ones.
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
  await db.ledger
    .deleteFrom('backup_part')
    .where('backup_id', '=', id)
    .where('attempt', '<', attempt)
    .execute();
  if (attempt > 1) await deleteStrays(db, storage, id, attempt);
  return row.status;
}

export async function recordSnapshot(
  db: Sql,
  id: string,
  attempt: number,
  snapshot: Snapshot,
): Promise<void> {
  const { at, lastLoads, parts } = snapshot;
  await running(db, id, attempt)
    .set({ snapshot_at: at, last_loads: jsonb(lastLoads), parts_total: parts.length })
    .execute();
}

/** Whether this attempt is still the one that counts. */
export async function attemptCounts(db: Sql, id: string, attempt: number): Promise<boolean> {
  const found = await db.ledger
    .selectFrom('backup')
    .select('id')
    .where('id', '=', id)
    .where('attempt', '=', attempt)
    .where('status', '=', 'running')
    .executeTakeFirst();
  return found !== undefined;
}

/** The backup's row, while this attempt is the one that counts. */
function running({ ledger }: Sql, id: string, attempt: number) {
  return ledger
    .updateTable('backup')
    .where('id', '=', id)
    .where('attempt', '=', attempt)
    .where('status', '=', 'running');
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
 * @returns the part that counts: that of an earlier try where there was one; null when the attempt has ended
 */
export async function recordPart(db: Sql, place: PartPlace, part: Part): Promise<Part | null> {
  const values = [place.backupId, place.attempt, place.table, place.no];
  await db.query(RECORD_PART, [...values, JSON.stringify(part)]);
  // Checked after the file and its row exist: an attempt that ends later finds the file and deletes it.
  return (await attemptCounts(db, place.backupId, place.attempt)) ? findPart(db, place) : null;
}

/** The part as it is in the ledger; null when it is not there yet. */
export async function findPart(db: Sql, { backupId, attempt, table, no }: PartPlace): Promise<Part | null> {
  const row = await db.ledger
    .selectFrom('backup_part')
    .select('part')
    .where('backup_id', '=', backupId)
    .where('attempt', '=', attempt)
    .where('table_name', '=', table)
    .where('part_no', '=', no)
    .executeTakeFirst();
  return row?.part ?? null;
}

/** Files of the backup that no part of this attempt names. */
export async function deleteStrays(
  db: Sql,
  storage: Pick<Storage, 'list' | 'delete'>,
  id: string,
  attempt: number,
): Promise<void> {
  const named = await partsOf(db, id, attempt).execute();
  const folder = backupFolder(id);
  const kept = new Set(named.map(({ part }) => folder + part.name));
  for (const key of await storage.list(folder)) if (!kept.has(key)) await storage.delete(key);
}

function partsOf({ ledger }: Sql, id: string, attempt: number) {
  return ledger
    .selectFrom('backup_part')
    .select(['table_name as table', 'part'])
    .where('backup_id', '=', id)
    .where('attempt', '=', attempt)
    .orderBy('part_no');
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
  const stored = await partsOf(db, plan.id, plan.attempt).execute();
  if (!row || stored.length !== row.partsTotal) {
    throw new LongshoreError(
      'internal',
      `backup ${plan.id}: ${stored.length} of ${row?.partsTotal} parts are stored`,
    );
  }
  const { id, purpose, scheduleId, dictionary, codec } = plan;
  const byTable = Map.groupBy(stored, ({ table }) => table);
  const tables = plan.tables.map((definition): ManifestTable => {
    const parts = (byTable.get(definition.name) ?? []).map(({ part }) => part);
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

/** Marks the backup done, in one statement. @returns false when the attempt has ended */
export async function recordManifest(
  db: Sql,
  attempt: number,
  manifest: Manifest,
  sha256: string,
): Promise<boolean> {
  const parts = manifest.tables.flatMap((table) => table.parts);
  const sum = (member: 'rows' | 'bytes') => parts.reduce((total, part) => total + part[member], 0);
  const { numUpdatedRows } = await running(db, manifest.id, attempt)
    .set({
      status: 'done',
      manifest: jsonb(manifest),
      manifest_sha256: sha256,
      rows: sum('rows'),
      bytes: sum('bytes'),
      finished_at: CLOCK,
    })
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}
