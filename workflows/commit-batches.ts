import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  continueAsNew,
  isCancellation,
  proxyLocalActivities,
} from '@temporalio/workflow';
import type { BatchActivities } from '../activities/index.ts';
import type { CommitBatchesInput, CommittedGroup } from '../src/batches/contract.ts';
import { reasonOf } from './failure-reason.ts';
import { COMMIT } from './policies.ts';

const local = proxyLocalActivities<BatchActivities>(COMMIT);

/**
 * Commits a group of batches, for ever trying what may pass. The rows themselves are with the process that received
 * them, or in the payload; the outcome of each batch is in the ledger. Whatever ends this without a commit is written
 * there too, so that nothing of the group can be committed after someone was told that it would not be.
 */
export async function commitBatches(input: CommitBatchesInput): Promise<CommittedGroup> {
  try {
    return await local.commitBatches(input);
  } catch (error) {
    if (mayPass(error)) return continueAsNew<typeof commitBatches>(input);
    const reason = isCancellation(error)
      ? { code: 'batch-terminated' as const, message: 'its workflow was cancelled' }
      : reasonOf(error);
    const { committed } = await CancellationScope.nonCancellable(() =>
      local.failBatches({ ...input, ...reason }),
    );
    // The commit had gone through when the failure came.
    if (committed !== null) return committed;
    if (isCancellation(error)) throw error;
    throw ApplicationFailure.nonRetryable(reason.message, reason.code);
  }
}

/** Out of time for tries, not out of hope. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof ActivityFailure) || isCancellation(error)) return false;
  return !(error.cause instanceof ApplicationFailure && error.cause.nonRetryable);
}
