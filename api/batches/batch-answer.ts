import type { Response } from 'express';
import type { BatchReject, BatchView, EndedBatch } from '../../src/batches/batch.ts';
import { LongshoreError } from '../../src/errors.ts';
import { mayUseTable } from '../http/auth.ts';
import { contextOf } from '../http/context.ts';
import type { ApiDeps } from '../http/deps.ts';
import { HttpError } from '../http/http-error.ts';
import { withJson } from '../http/problems.ts';
import type { Call } from '../http/route.ts';
import { workflowLink } from '../http/temporal-link.ts';
import type { BatchAnswer } from './batch-schemas.ts';

/** A batch with its links. */
export function batchAnswer(batch: BatchView, deps: ApiDeps): BatchAnswer {
  const self = batchPath(batch.id);
  return {
    ...batch,
    accepted: batch.rows.accepted,
    links: {
      self,
      table: `/v1/tables/${encodeURIComponent(batch.table)}`,
      rejects: `${self}/rejects`,
      ...workflowLink(batch.workflowId, deps),
    },
  };
}

/** The JSON of a batch with its rejects. */
export function endedJson({ view, rejects }: EndedBatch, deps: ApiDeps, hint: string | null): string {
  const batch = { ...batchAnswer(view, deps), ...(hint !== null && { hint }) };
  return withJson(JSON.stringify(batch), { rejected: rejectsJson(rejects) });
}

/** What `return=minimal` leaves (RFC 7240, 4.2). */
export function minimalJson({ id, status, workflowId, runId, rows }: BatchView): string {
  return JSON.stringify({ id, status, workflowId, runId, rows });
}

/** Rows are sent as they were received, with every digit: parsing and rewriting them would round long numbers. */
export function rejectsJson(rejects: readonly BatchReject[]): string {
  const entries = rejects.map(
    ({ index, row, errors }) => `{"index":${index},"row":${row},"errors":${JSON.stringify(errors)}}`,
  );
  return `[${entries.join(',')}]`;
}

/** The problem of a batch of which no row went in. A retried request gets the same one. */
export function problemOfBatch(
  { view, rejects }: EndedBatch,
  deps: ApiDeps,
  headers: Readonly<Record<string, string>>,
  hint: string | null,
): HttpError {
  const { sent, rejected, discarded } = view.rows;
  const why =
    view.strict && rejected > 0
      ? 'stayed out with them'
      : 'were kept out by a trigger of the table in PostgreSQL';
  const others = discarded > 0 ? `; the other ${discarded} ${why}` : '';
  return new HttpError(
    'batch-rejected',
    `${rejected} of ${sent} rows were rejected${others}${hint === null ? '' : `; ${hint}`}`,
    {
      headers,
      members: { requestId: undefined, batch: batchAnswer(view, deps) },
      json: { rejected: rejectsJson(rejects) },
    },
  );
}

export function batchPath(id: string): string {
  return `/v1/batches/${id}`;
}

/** Adds the batch and its workflow to the log's line of this request. */
export function noteBatch(res: Response, batch: BatchView): void {
  const context = contextOf(res);
  context.batchId = batch.id;
  context.workflowId = batch.workflowId;
}

type BatchCall = Pick<Call<string, { readonly id: string }, unknown>, 'res' | 'deps' | 'params' | 'holder'>;

/**
 * The batch of a path with `{id}`.
 * @throws `unknown-batch`, also when the key is limited to other tables
 */
export async function findBatch({ res, deps, params, holder }: BatchCall): Promise<BatchView> {
  const batch = await deps.batches.get(params.id);
  if (batch === null || !mayUseTable(holder!, batch.table)) {
    throw new LongshoreError('unknown-batch', `there is no batch ${JSON.stringify(params.id)}`);
  }
  noteBatch(res, batch);
  return batch;
}
