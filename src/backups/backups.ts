import { type Codec, DEFAULT_CODEC } from '../avro/codec.ts';
import type { Sql } from '../db/sql.ts';
import { part, statement } from '../db/statement.ts';
import { holdTables, type LedgerDictionary } from '../dictionary/dictionary-versions.ts';
import { LongshoreError } from '../errors.ts';
import { BACKUP_WORKFLOW_ID } from '../installation/workflow-ids.ts';
import { quoted } from '../shorten.ts';
import { brokenTables } from '../tables/measure-tables.ts';
import type { Dictionary, Table } from '../types.ts';
import type { BackupPurpose, BackupStatus, BackupSummary, BackupView } from './backup.ts';
import { newBackupId } from './backup-id.ts';
import type { BackupKeys } from './backup-keys.ts';
import { type BackupRow, type BackupSummaryRow, toBackupSummary, toBackupView } from './backup-view.ts';
import { uncovered } from './uncovered.ts';

export interface NewBackup {
  readonly dictionary: Dictionary & Partial<LedgerDictionary>;
  /** null: every table of the dictionary. */
  readonly tables: readonly string[] | null;
  readonly codec?: Codec;
  /** Absent: encrypt when there is a backup key. */
  readonly encrypt?: boolean;
  readonly keys: BackupKeys;
  readonly purpose: BackupPurpose;
  readonly scheduleId?: string | null;
  readonly pinned?: boolean;
  /** ID of the API key that requested it, or the name of what else did. */
  readonly startedBy: string;
  /** An ID from `newBackupId`, for a caller that may retry: the same ID is the same backup. */
  readonly id?: string;
}

/** The properties of a backup that its activities need; constant, except for the status. */
export interface BackupPlan {
  readonly id: string;
  readonly workflowId: string;
  readonly purpose: BackupPurpose;
  readonly scheduleId: string | null;
  readonly status: BackupStatus;
  readonly attempt: number;
  readonly codec: Codec;
  readonly encrypted: boolean;
  /** The backup key that it is made with, even if another one is current by then; null: with none. */
  readonly keyId: string | null;
  readonly dictionary: { readonly name: string; readonly version: string };
  /** In the order in which references allow them to be restored. */
  readonly tables: readonly Table[];
}

const CREATE_BACKUP = statement`
  insert into longshore.backup
    (id, purpose, schedule_id, tables, definitions, status, pinned, codec, encrypted, key_id, workflow_id,
     dictionary_name, dictionary_version, started_by, warnings)
  values ($1, $2, $3, $4, $5, 'running', $6, $7, $8, $9, ${BACKUP_WORKFLOW_ID}, $10, $11, $12, $13)
  on conflict (id) do nothing`;

/**
 * Records a new backup in the ledger, and nothing else: the caller starts its workflow. If it does not, housekeeping
 * does. In a transaction, so that no table of it can be removed before it is written down.
 *
 * @returns its ID
 * @throws LongshoreError `unknown-table`; `table-broken` where one that was named is not as the dictionary has it, or none
 *   is; `backup-key-missing` when it shall be encrypted and there is no key
 */
export async function createBackup(db: Sql, request: NewBackup): Promise<string> {
  const { dictionary, purpose, keys, startedBy } = request;
  const encrypted = request.encrypt ?? keys.current !== null;
  if (encrypted && keys.current === null) {
    throw new LongshoreError('backup-key-missing', 'there is no key to encrypt the backup with');
  }
  const id = request.id ?? newBackupId();
  // Of all tables those that were removed a moment ago are not there, and are left out.
  if (request.tables !== null) await holdTables(db, dictionary, request.tables);
  const { tables, broken } = await usableTables(db, request);
  const left = await uncovered(db, tables, request.tables === null ? dictionary.tables : undefined);
  await db.query(CREATE_BACKUP, [
    id,
    purpose,
    request.scheduleId ?? null,
    tables.map(({ name }) => name),
    JSON.stringify(tables),
    request.pinned ?? false,
    request.codec ?? DEFAULT_CODEC,
    encrypted,
    keys.current?.id ?? null,
    dictionary.name,
    dictionary.version,
    startedBy,
    JSON.stringify([...broken, ...left]),
  ]);
  return id;
}

/**
 * The tables that the backup is to hold. Of all tables those are left out that somebody has dropped or changed: the
 * others can be backed up all the same.
 */
async function usableTables(db: Sql, { dictionary, tables: names }: NewBackup) {
  const chosen = chosenTables(dictionary, names);
  const found = await brokenTables(db, chosen);
  const broken = new Set(found.map(({ name }) => name));
  const tables = chosen.filter(({ name }) => !broken.has(name));
  if (found.length > 0 && (names !== null || tables.length === 0)) {
    throw new LongshoreError('table-broken', found.map(({ what }) => what).join('; '));
  }
  return { tables, broken: found.map(({ what }) => `${what}: this backup does not hold it`) };
}

/** The chosen tables in the dictionary's order, which is that of the references. */
function chosenTables(dictionary: Dictionary, names: readonly string[] | null): readonly Table[] {
  if (names === null) return dictionary.tables;
  const wanted = new Set(names);
  const chosen = dictionary.tables.filter(({ name }) => wanted.delete(name));
  for (const name of wanted) {
    throw new LongshoreError('unknown-table', `the dictionary has no table ${quoted(name)}`);
  }
  return chosen;
}

/** @throws LongshoreError `unknown-backup` */
export async function readBackupPlan(db: Sql, id: string): Promise<BackupPlan> {
  const row = await db.ledger
    .selectFrom('backup')
    .select([
      'id',
      'workflow_id as workflowId',
      'purpose',
      'schedule_id as scheduleId',
      'status',
      'attempt',
      'codec',
      'encrypted',
      'key_id as keyId',
      'definitions as tables',
      'dictionary_name as name',
      'dictionary_version as version',
    ])
    .where('id', '=', id)
    .executeTakeFirst();
  if (!row) throw unknownBackup(id);
  const { name, version, ...plan } = row;
  return { ...plan, dictionary: { name, version } };
}

const FACTS = part`
  b.id, b.purpose, b.schedule_id, b.status, b.pinned, b.codec, b.encrypted, b.key_id, b.workflow_id, b.run_id,
  b.dictionary_version, b.snapshot_at, b.parts_total, b.rows, b.bytes, b.error_code, b.error_message, b.note,
  b.unverified, b.warnings, b.verified_at, b.started_by, b.created_at, b.finished_at`;

const STORED_PARTS = part`
  longshore.backup_part where b.status = 'running' and backup_id = b.id and attempt = b.attempt`;

const VIEW = part`
  select ${FACTS}, b.tables, b.manifest, b.verification, p.parts
    from longshore.backup b
    left join lateral (
      select jsonb_agg(jsonb_build_object('table', table_name, 'part', part) order by table_name, part_no) as parts
        from ${STORED_PARTS}) p on true`;

const READ_BACKUP = statement<BackupRow>`${VIEW} where b.id = $1`;

/** @throws LongshoreError `unknown-backup` */
export async function readBackup(db: Sql, id: string): Promise<BackupView> {
  const [row] = await db.query(READ_BACKUP, [id]);
  if (!row) throw unknownBackup(id);
  return toBackupView(row);
}

export interface BackupFilter {
  /** Only backups that hold this table. */
  readonly table?: string;
  /** Only backups that hold no other tables than these, by their manifests; absent: of every table. */
  readonly within?: readonly string[];
  readonly status?: BackupStatus;
  readonly purpose?: BackupPurpose;
  readonly scheduleId?: string;
  /** Only those that come after this one in the list. */
  readonly before?: string;
  readonly limit: number;
}

/** At most so many of a backup's tables, and of the faults that a drill found, are in a list. */
const LISTED_TABLES = 20;

/** Without the manifest, which describes every table and part, and is not even read. */
const LIST_BACKUPS = statement<BackupSummaryRow>`
  select ${FACTS}, b.tables[1:${LISTED_TABLES}] as tables, cardinality(b.tables) as tables_total,
         case when b.verification is null then null else jsonb_set(b.verification - 'tables', '{faults}',
           jsonb_path_query_array(b.verification, '$.faults[0 to ${LISTED_TABLES - 1}]')) end as verification,
         case when b.manifest is not null then coalesce(b.parts_total, 0) else p.parts end as parts,
         p.rows as part_rows, p.bytes as part_bytes
    from longshore.backup b
    left join lateral (
      select count(*)::int as parts, sum((part ->> 'rows')::float8) as rows, sum((part ->> 'bytes')::float8) as bytes
        from ${STORED_PARTS}) p on true
   where ($1::text is null or b.tables @> array[$1])
     and ($2::text[] is null or (b.tables <@ $2 and b.status <> 'unverified'))
     and ($3::text is null or b.status = $3) and ($4::text is null or b.purpose = $4)
     and ($5::text is null or b.schedule_id = $5)
     and ($6::text is null or (b.created_at, b.id) < (select created_at, id from longshore.backup where id = $6))
   order by b.created_at desc, b.id desc limit $7`;

/** Newest first. A `before` that is not there gives none. */
export async function listBackups(db: Sql, filter: BackupFilter): Promise<BackupSummary[]> {
  const rows = await db.query(LIST_BACKUPS, [
    filter.table ?? null,
    filter.within ?? null,
    filter.status ?? null,
    filter.purpose ?? null,
    filter.scheduleId ?? null,
    filter.before ?? null,
    filter.limit,
  ]);
  return rows.map(toBackupSummary);
}

const SET_PINNED = statement<{ status: BackupStatus }>`
  with pinned as (update longshore.backup set pinned = $2 where id = $1 and status in ('running', 'done'))
  select status from longshore.backup where id = $1`;

/** @throws LongshoreError `unknown-backup`, or `backup-state` unless it is done */
export async function setPinned(db: Sql, id: string, pinned: boolean): Promise<void> {
  const [row] = await db.query(SET_PINNED, [id, pinned]);
  if (!row) throw unknownBackup(id);
  if (row.status !== 'done' && row.status !== 'running') {
    throw new LongshoreError('backup-state', `backup ${id} is ${row.status}`);
  }
}

export function unknownBackup(id: string): LongshoreError {
  return new LongshoreError('unknown-backup', `there is no backup ${quoted(id)}`);
}
