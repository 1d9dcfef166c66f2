import type { LedgerRow } from '../db/ledger-queries.ts';
import { jobError } from '../jobs/job.ts';
import type { RestoreTarget, RestoreView } from './restore.ts';

/** A row of the ledger, with the progress of staging. */
export type RestoreRow = Omit<
  LedgerRow<'restore'>,
  'uid' | 'definitions' | 'today' | 'keep_until' | 'parts_total' | 'rows_total'
> &
  Pick<LedgerRow<'backup'>, 'snapshot_at'> & {
    readonly parts: number;
    readonly rows: number;
    readonly parts_total: number;
    readonly rows_total: number;
  };

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
    target: shownTarget(row.target),
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

/** As it was requested. */
function shownTarget({ between: _, ...target }: RestoreTarget): RestoreTarget {
  return target;
}
