import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import { PAYLOAD_REFUSED } from '../src/seal/payload-refused.ts';

/** Ends a workflow of a type that Longshore does not have. */
export async function unknownWorkflow(): Promise<never> {
  throw ApplicationFailure.nonRetryable(
    `there is no workflow ${workflowInfo().workflowType}`,
    PAYLOAD_REFUSED,
  );
}
