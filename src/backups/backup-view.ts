import type { Codec } from '../avro/codec.ts';
import type { ErrorCode } from '../errors.ts';
import { jobError } from '../jobs/job.ts';
import type {
  BackupPurpose,
  BackupStatus,
  BackupTableView,
  BackupView,
  Manifest,
  Part,
  Verification,
} from './backup.ts';
import type { Doubt } from './doubts.ts';

/** A row of the ledger, with the parts so far of a backup that runs. */
export interface BackupRow {
  readonly id: string;
  readonly purpose: BackupPurpose;
  readonly schedule_id: string | null;
  readonly status: BackupStatus;
  readonly pinned: boolean;
  readonly codec: Codec;
  readonly encrypted: boolean;
  readonly key_id: string | null;
  readonly workflow_id: string;
  readonly run_id: string | null;
  readonly dictionary_version: string;
  readonly snapshot_at: Date | null;
  readonly tables: readonly string[];
  readonly parts_total: number | null;
  readonly manifest: Manifest | null;
  readonly rows: number | null;
  readonly bytes: number | null;
  readonly error_code: ErrorCode | null;
  readonly error_message: string | null;
  readonly note: string | null;
  readonly unverified: readonly Doubt[] | null;
  readonly warnings: readonly string[] | null;
  readonly verified_at: Date | null;
  readonly verification: Verification | null;
  readonly started_by: string;
  readonly created_at: Date;
  readonly finished_at: Date | null;
  readonly parts: readonly { readonly table: string; readonly part: Part }[] | null;
}

export function toBackupView(row: BackupRow): BackupView {
  const tables = tablesOf(row);
  const parts = tables.flatMap((table) => table.parts);
  return {
    id: row.id,
    purpose: row.purpose,
    scheduleId: row.schedule_id,
    status: row.status,
    pinned: row.pinned,
    codec: row.codec,
    encrypted: row.encrypted,
    keyId: row.key_id,
    workflowId: row.workflow_id,
    runId: row.run_id,
    dictionaryVersion: row.dictionary_version,
    snapshotAt: row.snapshot_at?.toISOString() ?? null,
    tables,
    parts: parts.length,
    partsTotal: row.parts_total,
    rows: row.rows ?? sumOf(parts, 'rows'),
    bytes: row.bytes ?? sumOf(parts, 'bytes'),
    error: jobError(row.error_code, row.error_message),
    waitingFor: null,
    note: row.note,
    unverified: row.unverified,
    warnings: row.warnings ?? [],
    lastVerifiedAt: row.verified_at?.toISOString() ?? null,
    verification: row.verification,
    startedBy: row.started_by,
    createdAt: row.created_at.toISOString(),
    finishedAt: row.finished_at?.toISOString() ?? null,
  };
}

function tablesOf({ manifest, tables, parts }: BackupRow): readonly BackupTableView[] {
  if (manifest) return manifest.tables.map(({ table, rows, parts: of }) => ({ table, rows, parts: of }));
  return tables.map((table) => ({
    table,
    rows: null,
    parts: (parts ?? []).filter((one) => one.table === table).map(({ part }) => part),
  }));
}

function sumOf(parts: readonly Part[], member: 'rows' | 'bytes'): number | null {
  return parts.length === 0 ? null : parts.reduce((sum, part) => sum + part[member], 0);
}
