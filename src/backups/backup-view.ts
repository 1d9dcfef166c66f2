import type { LedgerRow } from '../db/ledger-queries.ts';
import { jobError } from '../jobs/job.ts';
import type { BackupSummary, BackupTableView, BackupView, Part, Verification } from './backup.ts';

/** What is read of a backup, whether it is for a list or not. */
export type BackupFacts = Omit<LedgerRow<'backup'>, Unseen | 'manifest' | 'tables' | 'verification'>;

/** A row of the ledger; of a running backup, with the parts so far. */
export type BackupRow = BackupFacts &
  Pick<LedgerRow<'backup'>, 'manifest' | 'tables' | 'verification'> & {
    readonly parts: readonly { readonly table: string; readonly part: Part }[] | null;
  };

/** The same without what grows with the tables; of a running backup, with counts of the parts so far. */
export type BackupSummaryRow = BackupFacts & {
  readonly tables: readonly string[];
  readonly tables_total: number;
  readonly verification: Omit<Verification, 'tables'> | null;
  readonly parts: number;
  readonly part_rows: number | null;
  readonly part_bytes: number | null;
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
  const { verification } = row;
  const totals = { parts: parts.length, rows: sumOf(parts, 'rows'), bytes: sumOf(parts, 'bytes') };
  return { ...factsOf(row, totals), tables, verification };
}

export function toBackupSummary(row: BackupSummaryRow): BackupSummary {
  const { tables, tables_total: tablesTotal, verification } = row;
  const totals = { parts: row.parts, rows: row.part_rows, bytes: row.part_bytes };
  return { ...factsOf(row, totals), tables: tables.map((table) => ({ table })), tablesTotal, verification };
}

/** @param totals of the parts that are stored */
function factsOf(
  row: BackupFacts,
  totals: Pick<BackupView, 'parts' | 'rows' | 'bytes'>,
): Omit<BackupView, 'tables' | 'verification'> {
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
    parts: totals.parts,
    partsTotal: row.parts_total,
    rows: row.rows ?? totals.rows,
    bytes: row.bytes ?? totals.bytes,
    error: jobError(row.error_code, row.error_message),
    waitingFor: null,
    note: row.note,
    unverified: row.unverified,
    warnings: row.warnings ?? [],
    lastVerifiedAt: row.verified_at?.toISOString() ?? null,
    startedBy: row.started_by,
    createdAt: row.created_at.toISOString(),
    finishedAt: row.finished_at?.toISOString() ?? null,
  };
}

function tablesOf({ manifest, tables, parts }: BackupRow): readonly BackupTableView[] {
  if (manifest) return manifest.tables.map(({ table, rows, parts: of }) => ({ table, rows, parts: of }));
  const byTable = Map.groupBy(parts ?? [], ({ table }) => table);
  return tables.map((table) => ({
    table,
    rows: null,
    parts: (byTable.get(table) ?? []).map(({ part }) => part),
  }));
}

function sumOf(parts: readonly Part[], member: 'rows' | 'bytes'): number | null {
  return parts.length === 0 ? null : parts.reduce((sum, part) => sum + part[member], 0);
}
