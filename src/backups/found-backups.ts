import type { Database } from '../db/database.ts';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { BACKUP_WORKFLOW_ID } from '../installation/workflow-ids.ts';
import { passIds } from '../loads/lineage-ids.ts';
import type { Manifest } from './backup.ts';
import type { Doubt } from './doubts.ts';
import type { Judged } from './judge-manifest.ts';

/** `startedBy` of a backup that was found in the storage. */
const FOUND_BY = 'storage';

type Vouched = Pick<Judged, 'sha256' | 'keyId'>;

/**
 * Records a backup that was found: its manifest has all that a restore needs. New loads and groups of batches get IDs
 * past those of the rows in it.
 * @returns false when another process was first
 */
export async function recordAdopted(
  db: Sql & Pick<Database, 'transaction'>,
  manifest: Manifest,
  vouched: Vouched,
): Promise<boolean> {
  // This precedes the record of the backup, so that an interrupted try is retried.
  await passIds(db, idsOf(manifest));
  const { snapshotAt } = manifest;
  return insertFound(db, {
    ...columnsOf(manifest, vouched),
    status: 'done',
    at: snapshotAt,
    unverified: null,
  });
}

/** Records a found backup that is not trusted, and why; not while a restore reads it under its earlier state. */
export async function recordDoubted(
  db: Sql,
  id: string,
  { manifest, ...vouched }: Judged,
  doubts: readonly Doubt[],
): Promise<void> {
  const columns = manifest ? columnsOf(manifest, vouched) : unreadable(id, vouched);
  // It is listed by the moment at which it was found, since its own date is not trusted either.
  await insertFound(db, { ...columns, status: 'unverified', at: null, unverified: JSON.stringify(doubts) });
}

interface FoundRow {
  readonly id: string;
  readonly purpose: string;
  readonly scheduleId: string | null;
  readonly tables: readonly string[];
  readonly definitions: string;
  readonly codec: string;
  readonly encrypted: boolean;
  readonly keyId: string | null;
  readonly dictionaryName: string;
  readonly dictionaryVersion: string;
  readonly snapshotAt: string | null;
  readonly partsTotal: number | null;
  readonly manifest: string | null;
  readonly sha256: string;
  readonly rows: number | null;
  readonly bytes: number | null;
}

function columnsOf(manifest: Manifest, { sha256, keyId }: Vouched): FoundRow {
  const { id, purpose, scheduleId, snapshotAt, dictionary, codec, encryption, tables } = manifest;
  const parts = tables.flatMap((table) => table.parts);
  return {
    id,
    purpose,
    scheduleId,
    tables: tables.map(({ table }) => table),
    definitions: JSON.stringify(tables.map(({ definition }) => definition)),
    codec,
    encrypted: encryption !== null,
    keyId: keyId ?? encryption?.keyId ?? null,
    dictionaryName: dictionary.name,
    dictionaryVersion: dictionary.version,
    snapshotAt,
    partsTotal: parts.length,
    manifest: JSON.stringify(manifest),
    sha256,
    rows: tables.reduce((sum, { rows }) => sum + rows, 0),
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function unreadable(id: string, { sha256, keyId }: Vouched): FoundRow {
  return {
    ...{
      id,
      purpose: 'manual',
      scheduleId: null,
      tables: [],
      definitions: '[]',
      codec: 'null',
      encrypted: false,
    },
    ...{
      keyId,
      dictionaryName: '',
      dictionaryVersion: '',
      snapshotAt: null,
      partsTotal: null,
      manifest: null,
    },
    ...{ sha256, rows: null, bytes: null },
  };
}

const INSERT_FOUND = statement`
  insert into longshore.backup as b
    (id, purpose, schedule_id, tables, definitions, codec, encrypted, key_id, workflow_id, dictionary_name,
     dictionary_version, snapshot_at, parts_total, manifest, manifest_sha256, rows, bytes, status, created_at,
     finished_at, unverified, found, started_by)
  values ($1, $2, $3, $4, $5, $6, $7, $8, ${BACKUP_WORKFLOW_ID}, $9, $10, $11, $12, $13, $14, $15, $16, $17,
     coalesce($18, clock_timestamp()), $18, $19, $17 <> 'done', $20)
  on conflict (id) do update
    set (purpose, schedule_id, tables, definitions, codec, encrypted, key_id, dictionary_name, dictionary_version,
         snapshot_at, parts_total, manifest, manifest_sha256, rows, bytes, status, created_at, finished_at,
         unverified, found)
      = (excluded.purpose, excluded.schedule_id, excluded.tables, excluded.definitions, excluded.codec,
         excluded.encrypted, excluded.key_id, excluded.dictionary_name, excluded.dictionary_version,
         excluded.snapshot_at, excluded.parts_total, excluded.manifest, excluded.manifest_sha256, excluded.rows,
         excluded.bytes, excluded.status, coalesce(excluded.finished_at, b.created_at), excluded.finished_at,
         excluded.unverified, excluded.found)
    where b.found and b.status in ('unverified', 'deleted')
      and not exists (select from longshore.restore where backup_id = b.id and finished_at is null)
  returning 1`;

async function insertFound(
  db: Sql,
  row: FoundRow & {
    readonly status: 'done' | 'unverified';
    readonly at: string | null;
    readonly unverified: string | null;
  },
): Promise<boolean> {
  const changed = await db.query(INSERT_FOUND, [
    row.id,
    row.purpose,
    row.scheduleId,
    row.tables,
    row.definitions,
    row.codec,
    row.encrypted,
    row.keyId,
    row.dictionaryName,
    row.dictionaryVersion,
    row.snapshotAt,
    row.partsTotal,
    row.manifest,
    row.sha256,
    row.rows,
    row.bytes,
    row.status,
    row.at,
    row.unverified,
    FOUND_BY,
  ]);
  return changed.length > 0;
}

export function idsOf({ lastGroupId, tables }: Pick<Manifest, 'lastGroupId' | 'tables'>): number[] {
  return [lastGroupId, ...tables.map(({ lastLoadId }) => lastLoadId)].filter((id) => typeof id === 'number');
}
