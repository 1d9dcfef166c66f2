import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import type { ErrorCode } from '../errors.ts';
import type { BatchMode } from './batch.ts';

/** A group of which nothing was or will be written. */
export interface FailedGroup {
  readonly workflowId: string;
  /** null when its workflow was never known to have started. */
  readonly runId: string | null;
  readonly table: string;
  readonly mode: BatchMode;
  readonly batches: readonly FailedBatch[];
  readonly error: { readonly code: ErrorCode; readonly message: string };
}

/** A batch that failed; its fields are null where it was lost before it was read. */
export interface FailedBatch {
  readonly id: string;
  readonly strict: boolean;
  readonly sent: number | null;
  readonly sentBy: string | null;
  /** RFC 3339, UTC */
  readonly receivedAt: string | null;
}

const FAIL_GROUP = statement`
  with fresh as (
    insert into longshore.batch_group (workflow_id, run_id, table_name, mode) values ($1, $2, $3, $4)
    on conflict do nothing returning id),
  told as (
    insert into longshore.batch (id, group_id, table_name, mode, strict, status, first_line, rows_sent,
                                 rows_accepted, rows_rejected, rows_discarded, error_code, error_message,
                                 sent_by, received_at)
    select b.id, f.id, $3, $4, b.strict, 'failed', b.first_line, b.sent, 0, 0, coalesce(b.sent, 0), $5, $6,
           b.sent_by, b.received_at
      from fresh f cross join json_to_recordset($7::json) as b (
           id text, strict boolean, first_line int, sent int, sent_by text, received_at timestamptz))
  select id from fresh`;

/**
 * Records every batch of a group as failed, unless the group is in the ledger already; from then on it can't be
 * committed. Writes no Idempotency-Keys: a batch that failed may be sent again with the same one.
 *
 * @returns false when the group is in the ledger already: committed, or failed before
 */
export async function failGroup(db: Sql, failed: FailedGroup): Promise<boolean> {
  const { workflowId, runId, table, mode, batches, error } = failed;
  const [written] = await db.query(FAIL_GROUP, [
    workflowId,
    runId,
    table,
    mode,
    error.code,
    error.message,
    JSON.stringify(rowsOf(batches)),
  ]);
  return written !== undefined;
}

function rowsOf(batches: readonly FailedBatch[]) {
  let line = 1;
  return batches.map(({ id, strict, sent, sentBy, receivedAt }) => {
    const row = { id, strict, first_line: line, sent, sent_by: sentBy, received_at: receivedAt };
    line += sent ?? 1;
    return row;
  });
}
