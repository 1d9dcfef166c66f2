import { type Client, WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from '@temporalio/client';
import type { Installation } from '../installation/installation.ts';
import { nameIn } from '../installation/names.ts';
import { KIND_ATTRIBUTE, TABLE_ATTRIBUTE } from '../temporal/search-attributes.ts';
import { COMMIT_BATCHES, type CommitBatchesInput } from './contract.ts';

/** Until then the client retries, always with the same request ID. */
const START_LIMIT_MS = 10_000;

/** What a group's workflow keeps beside its input, for queries about a batch that is not in the ledger. */
export interface GroupMemo {
  readonly batches: number;
  readonly mode: CommitBatchesInput['mode'];
  /** Indexes of the strict batches. */
  readonly strict: readonly number[];
}

export interface StartedGroup {
  readonly handle: WorkflowHandle;
  /** null: an earlier attempt has started the workflow. */
  readonly runId: string | null;
}

export function workflowIdOf({ id }: Pick<Installation, 'id'>, group: string): string {
  return nameIn(id, formerWorkflowIdOf(group));
}

/** ID of the workflow of a group that began before installations had IDs. */
export function formerWorkflowIdOf(group: string): string {
  return `batches-${group}`;
}

/**
 * Starts a group's workflow. When this throws, it is not known whether the workflow was started.
 * @param client a client over the worker's own connection: only then can the server return the first task at once
 */
export async function startGroup(
  { client, installation }: { readonly client: Client; readonly installation: Installation },
  input: CommitBatchesInput,
  strict: readonly number[],
): Promise<StartedGroup> {
  const { group, table, mode, batches } = input;
  const workflowId = workflowIdOf(installation, group);
  try {
    const handle = await client.withDeadline(Date.now() + START_LIMIT_MS, () =>
      client.workflow.start(COMMIT_BATCHES, {
        workflowId,
        taskQueue: installation.queue,
        args: [input],
        requestEagerStart: true,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        typedSearchAttributes: [
          { key: TABLE_ATTRIBUTE, value: table },
          { key: KIND_ATTRIBUTE, value: 'batches' },
        ],
        memo: { batches, mode, strict } satisfies GroupMemo,
        staticSummary: `${batches} ${batches === 1 ? 'batch' : 'batches'} into ${table} (${mode})`,
      }),
    );
    return { handle, runId: handle.firstExecutionRunId };
  } catch (error) {
    // The group's ID is unique: an attempt whose answer was lost has started it.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return { handle: client.workflow.getHandle(workflowId), runId: null };
  }
}
