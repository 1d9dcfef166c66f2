import { PAGE_BYTES } from '../db/cell-text.ts';
import type { Sql } from '../db/sql.ts';
import { part, statement } from '../db/statement.ts';
import { type ErrorCode, LongshoreError } from '../errors.ts';
import { jobError } from '../jobs/job.ts';
import { quoted } from '../shorten.ts';
import type { CellError } from '../types.ts';
import type {
  BatchFilter,
  BatchMode,
  BatchReject,
  BatchRejectsPage,
  BatchView,
  EndedBatch,
} from './batch.ts';

interface ViewRow {
  id: string;
  table_name: string;
  mode: BatchMode;
  strict: boolean;
  status: 'done' | 'failed';
  workflow_id: string;
  run_id: string | null;
  group_id: number;
  first_line: number;
  rows_sent: number | null;
  rows_accepted: number;
  rows_rejected: number;
  rows_discarded: number;
  error_code: ErrorCode | null;
  error_message: string | null;
  received_at: Date | null;
  committed_at: Date;
}

const VIEW = part`
  select b.id, b.table_name, b.mode, b.strict, b.status, g.workflow_id, g.run_id, b.group_id::float8 as group_id,
         b.first_line, b.rows_sent, b.rows_accepted, b.rows_rejected, b.rows_discarded, b.error_code, b.error_message,
         b.received_at, g.committed_at
    from longshore.batch b join longshore.batch_group g on g.id = b.group_id`;

const VIEW_BATCH = statement<ViewRow>`${VIEW} where b.id = $1`;

/** A batch that has ended; null when the ledger does not know it (yet). */
export async function viewBatch(db: Sql, id: string): Promise<BatchView | null> {
  const [row] = await db.query(VIEW_BATCH, [id]);
  return row ? toView(row) : null;
}

/** A batch that has ended, with its rejects; null when the ledger does not know it (yet). */
export async function readOutcome(db: Sql, id: string): Promise<EndedBatch | null> {
  return (await readOutcomes(db, [id])).get(id) ?? null;
}

const READ_OUTCOMES = statement<ViewRow>`${VIEW} where b.id = any ($1)`;

/** Outcomes by batch ID, without batches that the ledger does not know. */
export async function readOutcomes(
  db: Sql,
  ids: readonly string[],
): Promise<ReadonlyMap<string, EndedBatch>> {
  const rows = await db.query(READ_OUTCOMES, [ids]);
  const rejected = rows.filter((row) => row.rows_rejected > 0).map((row) => row.id);
  const rejects = rejected.length > 0 ? await readRejects(db, rejected) : [];
  const byBatch = Map.groupBy(rejects, (reject) => reject.batch_id);
  return new Map(
    rows.map((row) => [
      row.id,
      { view: toView(row), rejects: (byBatch.get(row.id) ?? []).map(toReject), replayed: false },
    ]),
  );
}

const CHOSEN = part`($1::bigint is null or b.group_id = $1)
     and ($2::text is null or (b.group_id, b.first_line) < (
           select l.group_id, l.first_line from longshore.batch l where l.id = $2))
   order by b.group_id desc, b.first_line desc limit $3`;

const LIST_BATCHES = statement<ViewRow>`
  ${VIEW} join (select b.id from longshore.batch b where ${CHOSEN}) newest on newest.id = b.id
   order by b.group_id desc, b.first_line desc`;

/** By an index of each table. */
const LIST_BATCHES_OF_TABLES = statement<ViewRow>`
  ${VIEW} join (
    select n.id from unnest($4::text[]) t (name) cross join lateral (
      select b.id, b.group_id, b.first_line from longshore.batch b where b.table_name = t.name and ${CHOSEN}) n
     order by n.group_id desc, n.first_line desc limit $3) newest on newest.id = b.id
   order by b.group_id desc, b.first_line desc`;

/** Batches that have ended, newest first. */
export async function listBatches(db: Sql, filter: BatchFilter): Promise<BatchView[]> {
  const { tables, loadId = null, before = null, limit } = filter;
  const rows =
    tables === undefined
      ? await db.query(LIST_BATCHES, [loadId, before, limit])
      : await db.query(LIST_BATCHES_OF_TABLES, [loadId, before, limit, [...new Set(tables)]]);
  return rows.map(toView);
}

const READ_BATCH = statement<{ header: string | null }>`select header from longshore.batch where id = $1`;

const PAGE_OF_REJECTS = statement<RejectRow & { found: number }>`
  select batch_id, index, row_sent, errors, found from (
    select *, (count(*) over ())::int as found, row_number() over by_index as nth,
           sum(octet_length(row_sent) + pg_column_size(errors)) over by_index as bytes
      from (select batch_id, index, row_sent, errors from longshore.batch_reject
             where batch_id = $1 and index > $2::bigint order by index limit $3 + 1) r
    window by_index as (order by index)) r
   where nth = 1 or (nth <= $3 and bytes <= $4) order by index`;

/** A page of rejects by index, after `afterIndex`, limited in bytes. @throws LongshoreError `unknown-batch` */
export async function listBatchRejects(
  db: Sql,
  id: string,
  page: { readonly afterIndex: number; readonly limit: number },
): Promise<BatchRejectsPage> {
  const [batch] = await db.query(READ_BATCH, [id]);
  if (!batch) {
    throw new LongshoreError('unknown-batch', `the ledger has no batch ${quoted(id)}`);
  }
  const rows = await db.query(PAGE_OF_REJECTS, [id, page.afterIndex, page.limit, PAGE_BYTES]);
  return {
    header: batch.header === null ? null : (JSON.parse(batch.header) as string[]),
    rejects: rows.map(toReject),
    more: (rows[0]?.found ?? 0) > rows.length,
  };
}

interface RejectRow {
  batch_id: string;
  index: number;
  row_sent: string;
  errors: CellError[];
}

const READ_REJECTS = statement<RejectRow>`
  select batch_id, index, row_sent, errors from longshore.batch_reject
   where batch_id = any ($1) order by batch_id, index`;

function readRejects(db: Sql, ids: readonly string[]): Promise<RejectRow[]> {
  return db.query(READ_REJECTS, [ids]);
}

function toReject({ index, row_sent, errors }: RejectRow): BatchReject {
  return { index, row: row_sent, errors };
}

function toView(row: ViewRow): BatchView {
  const wentIn = row.rows_accepted > 0;
  return {
    id: row.id,
    table: row.table_name,
    mode: row.mode,
    strict: row.strict,
    status: row.status,
    workflowId: row.workflow_id,
    runId: row.run_id,
    loadId: wentIn ? row.group_id : null,
    firstLine: wentIn ? row.first_line : null,
    rows: {
      sent: row.rows_sent,
      accepted: row.rows_accepted,
      rejected: row.rows_rejected,
      discarded: row.rows_discarded,
    },
    error: jobError(row.error_code, row.error_message),
    receivedAt: row.received_at?.toISOString() ?? null,
    committedAt: row.status === 'done' ? row.committed_at.toISOString() : null,
  };
}
