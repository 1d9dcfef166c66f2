import { type Client, isGrpcServiceError } from '@temporalio/client';
import proto from '@temporalio/proto';

const NOT_FOUND = 5;
const { WorkflowExecutionStatus } = proto.temporal.api.enums.v1;

/** @returns Temporal's status of a workflow in lower case, such as `timed_out`; `unknown` when it has none of that ID */
export async function stateOfWorkflow(client: Client, workflowId: string): Promise<string> {
  const { namespace } = client.options;
  try {
    // Not the client's own description, which opens what the workflow was started with: it may be a stranger's.
    const { workflowExecutionInfo } = await client.workflowService.describeWorkflowExecution({
      namespace,
      execution: { workflowId },
    });
    const { status } = workflowExecutionInfo ?? {};
    const name = WorkflowExecutionStatus[status ?? 0]?.replace('WORKFLOW_EXECUTION_STATUS_', '');
    return name === undefined || name === 'CONTINUED_AS_NEW' ? 'running' : name.toLowerCase();
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === NOT_FOUND) return 'unknown';
    throw error;
  }
}
