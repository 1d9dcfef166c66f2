import { type Client, type WorkflowExecutionDescription, WorkflowNotFoundError } from '@temporalio/client';
import type { BatchView } from '../../src/batches/batch.ts';
import { viewBatch } from '../../src/batches/read-batches.ts';
import type { Database } from '../../src/db/database.ts';
import { ERRORS } from '../../src/errors.ts';
import { TABLE_ATTRIBUTE } from '../../src/temporal/search-attributes.ts';
import { translateTemporal } from '../load-workflows.ts';
import { type GroupMemo, workflowIdOf } from './start-group.ts';

const BATCH_ID =
  /^([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})-(0|[1-9][0-9]{0,3})$/;

/**
 * A batch by its ID: what the ledger says, else what Temporal knows of its group's workflow.
 * @throws `temporal-unavailable`
 */
export async function findBatch(
  { db, client }: { readonly db: Database; readonly client: Client },
  id: string,
): Promise<BatchView | null> {
  const committed = await viewBatch(db, id);
  if (committed !== null) return committed;
  const match = BATCH_ID.exec(id);
  if (match === null) return null;
  const view = await viewWorkflow(client, id, match[1]!, Number(match[2]));
  if (view === null || view.status === 'running') return view;
  // It may have ended between the two looks. A batch that only repeated another one is in neither place.
  return (await viewBatch(db, id)) ?? (view.status === 'failed' ? view : null);
}

/** @throws `temporal-unavailable` */
export async function isGroupRunning(client: Client, group: string): Promise<boolean> {
  const described = await describe(client, workflowIdOf(group));
  return described !== null && isRunning(described);
}

async function describe(client: Client, workflowId: string): Promise<WorkflowExecutionDescription | null> {
  try {
    return await client.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw translateTemporal(error);
  }
}

function isRunning({ status }: WorkflowExecutionDescription): boolean {
  return status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW';
}

async function viewWorkflow(
  client: Client,
  id: string,
  group: string,
  index: number,
): Promise<BatchView | null> {
  const workflowId = workflowIdOf(group);
  const described = await describe(client, workflowId);
  if (described === null) return null;
  const memo = described.memo as Partial<GroupMemo> | undefined;
  const table = described.typedSearchAttributes.get(TABLE_ATTRIBUTE);
  if (memo?.batches === undefined || memo.mode === undefined || table === undefined) return null;
  if (index >= memo.batches) return null;
  const { status, runId } = described;
  const running = isRunning(described);
  const failed = !running && status.name !== 'COMPLETED';
  const code = status.name === 'FAILED' ? 'batch-lost' : 'batch-terminated';
  const message = `its workflow ended as ${status.name.toLowerCase()}`;
  return {
    id,
    table,
    mode: memo.mode,
    strict: memo.strict?.includes(index) ?? false,
    status: running ? 'running' : failed ? 'failed' : 'done',
    workflowId,
    runId,
    loadId: null,
    firstLine: null,
    rows: { sent: null, accepted: 0, rejected: 0, discarded: 0 },
    error: !failed ? null : { code, message, remedy: ERRORS[code].remedy },
    receivedAt: null,
    committedAt: null,
  };
}
