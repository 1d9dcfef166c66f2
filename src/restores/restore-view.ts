import type { Skipped } from '../backups/skipped.ts';
import type { ErrorCode } from '../errors.ts';
import { jobError } from '../jobs/job.ts';
import type { RestoreKind, RestoreStatus, RestoreTarget, RestoreView, TableChange } from './restore.ts';

/** A row of the ledger, with what is staged. */
export interface RestoreRow {
  readonly id: number;
  readonly kind: RestoreKind;
  readonly backup_id: string;
  readonly snapshot_at: Date | null;
  readonly skipped: readonly Skipped[] | null;
  readonly tables: readonly string[];
  readonly target: RestoreTarget;
  readonly status: RestoreStatus;
  readonly safety_backup_id: string | null;
  readonly workflow_id: string;
  readonly run_id: string | null;
  readonly result: readonly TableChange[] | null;
  readonly error_code: ErrorCode | null;
  readonly error_message: string | null;
  readonly note: string | null;
  readonly started_by: string;
  readonly created_at: Date;
  readonly finished_at: Date | null;
  readonly parts: number;
  readonly rows: number;
  readonly parts_total: number;
  readonly rows_total: number;
}

export function toRestoreView(row: RestoreRow): RestoreView {
  const done = row.status === 'done';
  return {
    id: row.id,
    kind: row.kind,
    backupId: row.backup_id,
    snapshotAt: row.snapshot_at?.toISOString() ?? null,
    snapshotAgeSeconds: row.snapshot_at && (row.created_at.getTime() - row.snapshot_at.getTime()) / 1000,
    skipped: row.skipped ?? [],
    tables: row.tables,
    target: row.target,
    status: row.status,
    safetyBackupId: row.safety_backup_id,
    workflowId: row.workflow_id,
    runId: row.run_id,
    progress: {
      parts: done ? row.parts_total : row.parts,
      partsTotal: row.parts_total,
      rows: done ? row.rows_total : row.rows,
      rowsTotal: row.rows_total,
    },
    changes: row.result ?? [],
    error: jobError(row.error_code, row.error_message),
    waitingFor: null,
    note: row.note,
    startedBy: row.started_by,
    createdAt: row.created_at.toISOString(),
    finishedAt: row.finished_at?.toISOString() ?? null,
  };
}
