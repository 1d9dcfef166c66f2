import { type Client, isGrpcServiceError } from '@temporalio/client';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import type { Installation } from '../installation/installation.ts';
import { listingClient } from '../seal/listing-client.ts';
import { COMMIT_BATCHES } from './contract.ts';

/** Workflows that one call deletes at most; a server ends no more in the time between two calls. */
const AT_MOST = 1_000;
/** Requests to Temporal at a time. */
const AT_ONCE = 4;
const PAGE = 200;
/** gRPC's code. */
const NOT_FOUND = 5;

/** When the oldest group that keeps its workflow was committed: those of older ones ended before, or moments later. */
const OLDEST_KEPT = statement<{ at: Date }>`
  select committed_at as at from longshore.batch_group
   where id = (select id from longshore.batch_group order by id desc offset $1 limit 1)`;

/**
 * Deletes the completed workflows of all groups but the newest from Temporal, where each takes some KiB for as long as
 * the namespace's retention. All that they say is in the ledger. Failed and terminated ones stay.
 *
 * @param kept how many groups keep their workflow, at least 1
 * @returns how many were deleted
 */
export async function forgetGroups(
  { client, db, installation }: ForgetDeps,
  kept: number,
  signal?: AbortSignal,
): Promise<number> {
  const [oldest] = await db.query(OLDEST_KEPT, [kept - 1]);
  if (oldest === undefined) return 0;
  const query =
    `TaskQueue = '${installation.queue}' and WorkflowType = '${COMMIT_BATCHES}' ` +
    `and ExecutionStatus = 'Completed' and CloseTime < '${oldest.at.toISOString()}'`;
  const over: Run[] = [];
  for await (const { workflowId, runId } of listingClient(client).workflow.list({ query, pageSize: PAGE })) {
    over.push({ workflowId, runId });
    if (over.length === AT_MOST) break;
  }
  let deleted = 0;
  const work = async () => {
    for (let run = over.pop(); run !== undefined; run = over.pop()) {
      signal?.throwIfAborted();
      if (await deleteRun(client, run)) deleted += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return deleted;
}

interface ForgetDeps {
  readonly client: Client;
  readonly db: Sql;
  readonly installation: Pick<Installation, 'queue'>;
}

interface Run {
  readonly workflowId: string;
  readonly runId: string;
}

/** @returns false: it was gone already, of which the list hears a moment later */
async function deleteRun(client: Client, workflowExecution: Run): Promise<boolean> {
  const { namespace } = client.options;
  try {
    await client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution });
    return true;
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === NOT_FOUND) return false;
    throw error;
  }
}
