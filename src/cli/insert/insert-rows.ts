import type { ApiClient } from '../api-client.ts';
import type { CliError } from '../exit-codes.ts';
import { batchIdempotencyKey, type RunIdentity } from './idempotency-key.ts';
import { mapInOrder } from './map-in-order.ts';
import type { LineReject, PlannedBatch } from './plan-batches.ts';
import { type BatchResult, type SendOptions, sendBatch } from './send-batch.ts';

/** Rows: read = accepted + rejected + discarded + unanswered. */
export interface InsertTotals {
  /** Lines with something in them, of the batches that were made. */
  readonly read: number;
  /** Rows that the platform answered for. */
  readonly sent: number;
  readonly accepted: number;
  /** By the platform, or here, where a line was no JSON. */
  readonly rejected: number;
  /** Good rows of strict batches that had bad ones. */
  readonly discarded: number;
  /** Rows of batches that got no answer. */
  readonly unanswered: number;
  readonly batches: number;
  /** Batches that were in already, from an earlier run or try. */
  readonly replayed: number;
}

export const NO_TOTALS: InsertTotals = {
  read: 0,
  sent: 0,
  accepted: 0,
  rejected: 0,
  discarded: 0,
  unanswered: 0,
  batches: 0,
  replayed: 0,
};

/** What became of one batch of the file. */
export interface BatchEnd {
  readonly endByte: number;
  /** To be added up with those of the other batches. */
  readonly totals: InsertTotals;
  /** By line. */
  readonly rejects: readonly LineReject[];
  /** Why nothing more should be sent. */
  readonly refusal: CliError | null;
}

/** Sends batches, `clients` at once; yields the result of each, in the order of the file. */
export function insertRows(
  api: ApiClient,
  batches: AsyncIterable<PlannedBatch>,
  identity: RunIdentity,
  options: SendOptions & { readonly clients: number },
): AsyncGenerator<BatchEnd> {
  return mapInOrder(batches, options.clients, async (batch) => {
    if (batch.lines.length === 0) return endOf(batch, null);
    // All or nothing holds for the lines that can't be sent, too.
    if (identity.strict && batch.rejects.length > 0) return endOf(batch, null);
    const body = Buffer.from(Buffer.concat(batch.lines.flatMap(({ bytes }) => [bytes, NEWLINE])));
    const key = batchIdempotencyKey(identity, batch.firstLine, body);
    const { table, mode, strict } = identity;
    return endOf(batch, await sendBatch(api, { table, mode, strict, key, body }, options));
  });
}

const NEWLINE = Buffer.from('\n');

/** @param result null: nothing was sent, for want of good lines or because the batch is strict */
function endOf(batch: PlannedBatch, result: BatchResult | null): BatchEnd {
  const [here, lines] = [batch.rejects.length, batch.lines.length];
  const end = { endByte: batch.endByte, rejects: batch.rejects, refusal: null };
  const totals = { ...NO_TOTALS, read: here + lines, rejected: here };
  if (result === null) return { ...end, totals: { ...totals, discarded: lines } };
  if (result.kind !== 'answered') {
    const refusal = result.kind === 'refused' ? result.error : null;
    return { ...end, refusal, totals: { ...totals, unanswered: lines } };
  }
  const { accepted, rejected, discarded } = result.rows;
  return {
    ...end,
    rejects: [...batch.rejects, ...platformRejects(batch, result)].sort((a, b) => a.line - b.line),
    totals: {
      ...totals,
      sent: lines,
      accepted,
      rejected: here + rejected,
      discarded,
      batches: 1,
      replayed: result.replayed ? 1 : 0,
    },
  };
}

/** Rejects of the platform, with the row as the file has it: after a round trip through JSON it may have lost digits. */
function platformRejects(
  batch: PlannedBatch,
  answer: Extract<BatchResult, { kind: 'answered' }>,
): LineReject[] {
  return answer.rejected.map(({ index, errors }) => {
    const line = batch.lines[index]!;
    return { line: line.number, row: line.bytes.toString('utf8'), errors };
  });
}

export function addTotals(a: InsertTotals, b: InsertTotals): InsertTotals {
  const keys = Object.keys(NO_TOTALS) as (keyof InsertTotals)[];
  return Object.fromEntries(keys.map((key) => [key, a[key] + b[key]])) as unknown as InsertTotals;
}
