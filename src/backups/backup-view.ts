import type { LedgerRow } from '../db/ledger-queries.ts';
import { jobError } from '../jobs/job.ts';
import type { BackupTableView, BackupView, Part } from './backup.ts';

/** A row of the ledger; of a running backup, with the parts so far. */
export type BackupRow = Omit<LedgerRow<'backup'>, Unseen> & {
  readonly parts: readonly { readonly table: string; readonly part: Part }[] | null;
};

type Unseen =
  | 'attempt'
  | 'cleared_at'
  | 'definitions'
  | 'deleted_at'
  | 'dictionary_name'
  | 'found'
  | 'last_loads'
  | 'manifest_sha256';

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
