import {
  ApplicationFailure,
  CancellationScope,
  continueAsNew,
  isCancellation,
  proxyLocalActivities,
  setCurrentDetails,
} from '@temporalio/workflow';
import type { BatchActivities } from '../activities/index.ts';
import type { CommitBatchesInput, CommittedGroup } from '../src/batches/contract.ts';
import { mayPass, reasonOf } from './failure-reason.ts';
import { COMMIT } from './policies.ts';
import { groupDetails } from './progress.ts';

const local = proxyLocalActivities<BatchActivities>(COMMIT);

/**
 * Commits a group of batches, and retries transient errors for ever. The rows themselves are in the process that received
 * them, or in the payload; the outcome of each batch is in the ledger. An end without a commit is recorded there too, so
 * that nothing of the group can be committed after it was reported as failed.
 */
export async function commitBatches(input: CommitBatchesInput): Promise<CommittedGroup> {
  try {
    return tell(await local.commitBatches(input));
  } catch (error) {
    if (mayPass(error)) return continueAsNew<typeof commitBatches>(input);
    const reason = isCancellation(error)
      ? { code: 'batch-terminated' as const, message: 'its workflow was cancelled' }
      : reasonOf(error);
    const { committed } = await CancellationScope.nonCancellable(() =>
      local.failBatches({ ...input, ...reason }),
    );
    // The commit had succeeded before the failure.
    if (committed !== null) return tell(committed);
    if (isCancellation(error)) throw error;
    throw ApplicationFailure.nonRetryable(reason.message, reason.code);
  }
}

/** A completed workflow is green in the Web UI: says in its details how much went in. */
function tell(group: CommittedGroup): CommittedGroup {
  setCurrentDetails(groupDetails(group));
  return group;
}
