import { Context } from '@temporalio/activity';
import type { ReceivedBatch } from '../src/batches/batch.ts';
import type { CommitBatchesInput } from '../src/batches/contract.ts';
import { type FailedBatch, failGroup } from '../src/batches/fail-group.ts';
import { readPayload } from '../src/batches/payload.ts';
import { type GroupRows, readGroup } from '../src/batches/read-group.ts';
import type { ErrorCode } from '../src/errors.ts';
import { type BatchActivityDeps, workflowOf } from './commit-batches.ts';

export interface FailBatchesInput extends CommitBatchesInput {
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * Records a group as failed, after which nothing of it can be committed. If the ledger has its commit already, returns
 * that.
 */
export function failBatches(deps: BatchActivityDeps) {
  return async (input: FailBatchesInput): Promise<{ readonly committed: GroupRows | null }> => {
    const { workflowId, runId } = workflowOf(Context.current());
    const { table, mode, code, message } = input;
    const batches = await failedBatches(deps, input);
    await failGroup(deps.db, { workflowId, runId, table, mode, batches, error: { code, message } });
    return { committed: await readGroup(deps.db, workflowId) };
  };
}

/** What is still known of the batches: their payload may have been lost. */
async function failedBatches(
  { storage, handOver }: BatchActivityDeps,
  { group, payload, batches }: CommitBatchesInput,
): Promise<readonly FailedBatch[]> {
  const handed = handOver.batchesOf(group);
  if (handed) return handed.map(({ received, sent }) => ({ ...known(received), sent }));
  const received = await readPayload(storage, payload).catch(() => null);
  return Array.from({ length: batches }, (_, n) => {
    const batch = received?.[n];
    if (batch) return { ...known(batch), sent: null };
    return { id: `${group}-${n}`, strict: false, sent: null, sentBy: null, receivedAt: null };
  });
}

function known({ id, strict, sentBy, receivedAt }: ReceivedBatch): Omit<FailedBatch, 'sent'> {
  return { id, strict, sentBy, receivedAt };
}
