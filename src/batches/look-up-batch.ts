import { type Client, type WorkflowExecutionDescription, WorkflowNotFoundError } from '@temporalio/client';
import type { Database } from '../db/database.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import { LongshoreError } from '../errors.ts';
import type { Installation } from '../installation/installation.ts';
import { jobError } from '../jobs/job.ts';
import { TABLE_ATTRIBUTE } from '../temporal/search-attributes.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import type { BatchView } from './batch.ts';
import { failGroup } from './fail-group.ts';
import type { HandOver } from './hand-over.ts';
import { viewBatch } from './read-batches.ts';
import { formerWorkflowIdOf, type GroupMemo, workflowIdOf } from './start-group.ts';

const BATCH_ID =
  /^([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})-(0|[1-9][0-9]{0,3})$/;

/** The longest wait for a commit that is under way in another transaction. */
const LOCK_LIMIT_MS = 1_000;

export interface FindDeps {
  readonly db: Database;
  readonly client: Client;
  readonly installation: Pick<Installation, 'id'>;
  readonly handOver: HandOver;
}

/**
 * Finds a batch by its ID in the ledger, else in Temporal by its group's workflow. Where that has ended without an entry
 * in the ledger (terminated in the Web UI), the group may still be under way here or elsewhere: the failure is recorded
 * before it is reported, and from then on the group can't be committed.
 * @throws `temporal-unavailable`
 */
export async function lookUpBatch(deps: FindDeps, id: string): Promise<BatchView | null> {
  const { db } = deps;
  const committed = await viewBatch(db, id);
  if (committed !== null) return committed;
  const match = BATCH_ID.exec(id);
  if (match === null) return null;
  const found = await viewWorkflow(deps, id, match[1]!, Number(match[2]));
  if (found === null || found.view.status === 'running') return found?.view ?? null;
  const { view, memo } = found;
  if (view.status === 'failed' && !(await recordFailure(deps, match[1]!, view, memo))) {
    return { ...view, status: 'running', error: null };
  }
  // It may have ended between the two queries. A batch that only repeated another one is in neither place.
  return viewBatch(db, id);
}

/** @returns false while another transaction is about to decide */
async function recordFailure(
  { db, handOver }: FindDeps,
  group: string,
  { table, mode, workflowId, runId, error }: BatchView,
  { batches, strict }: GroupMemo,
): Promise<boolean> {
  const handed = handOver.batchesOf(group);
  const failed = Array.from({ length: batches }, (_, n) => {
    const batch = handed?.[n];
    if (batch) return { ...batch.received, sent: batch.sent };
    return { id: `${group}-${n}`, strict: strict.includes(n), sent: null, sentBy: null, receivedAt: null };
  });
  try {
    await db.transaction(async (tx) => {
      await tx.query(`set local lock_timeout = ${LOCK_LIMIT_MS}`);
      await failGroup(tx, { workflowId, runId, table, mode, batches: failed, error: error! });
    });
    return true;
  } catch (thrown) {
    if (sqlstateOf(thrown) === SQLSTATE.lockNotAvailable) return false;
    throw thrown;
  }
}

/** @throws `temporal-unavailable` */
export async function isGroupRunning(deps: Pick<FindDeps, 'client' | 'installation'>, group: string) {
  const described = await describeGroup(deps, group);
  return described !== null && isRunning(described);
}

/** What the workflow of a group says of it, while it runs; null: it does not. @throws `temporal-unavailable` */
export async function runningGroup(client: Client, workflowId: string): Promise<Partial<GroupMemo> | null> {
  const described = await describe(client, workflowId);
  return described !== null && isRunning(described) ? ((described.memo ?? {}) as Partial<GroupMemo>) : null;
}

async function describeGroup(
  { client, installation }: Pick<FindDeps, 'client' | 'installation'>,
  group: string,
): Promise<WorkflowExecutionDescription | null> {
  const described = await describe(client, workflowIdOf(installation, group));
  return described ?? describe(client, formerWorkflowIdOf(group));
}

async function describe(client: Client, workflowId: string): Promise<WorkflowExecutionDescription | null> {
  try {
    return await client.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    // The workflow is not ours: Longshore encrypts a workflow's memo.
    if (error instanceof LongshoreError && error.code === 'payload-refused') return null;
    throw translateTemporal(error);
  }
}

function isRunning({ status }: WorkflowExecutionDescription): boolean {
  return status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW';
}

async function viewWorkflow(
  deps: FindDeps,
  id: string,
  group: string,
  index: number,
): Promise<{ readonly view: BatchView; readonly memo: GroupMemo } | null> {
  const described = await describeGroup(deps, group);
  if (described === null) return null;
  const memo = described.memo as Partial<GroupMemo> | undefined;
  const table = described.typedSearchAttributes.get(TABLE_ATTRIBUTE);
  if (memo?.batches === undefined || memo.mode === undefined || table === undefined) return null;
  const { batches, mode, strict = [] } = memo;
  if (index >= batches) return null;
  const { status, workflowId, runId } = described;
  const running = isRunning(described);
  const failed = !running && status.name !== 'COMPLETED';
  const code = status.name === 'FAILED' ? 'batch-lost' : 'batch-terminated';
  const message = `its workflow ended as ${status.name.toLowerCase()}`;
  const view: BatchView = {
    id,
    table,
    mode,
    strict: strict.includes(index),
    status: running ? 'running' : failed ? 'failed' : 'done',
    workflowId,
    runId,
    loadId: null,
    firstLine: null,
    rows: { sent: null, accepted: 0, rejected: 0, discarded: 0 },
    error: failed ? jobError(code, message) : null,
    receivedAt: null,
    committedAt: null,
  };
  return { view, memo: { batches, mode, strict } };
}
