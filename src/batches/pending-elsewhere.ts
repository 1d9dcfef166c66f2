import type { Client } from '@temporalio/client';
import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import type { Installation } from '../installation/installation.ts';
import { listingClient } from '../seal/listing-client.ts';
import { TABLE_ATTRIBUTE_NAME } from '../temporal/attribute-names.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import { COMMIT_BATCHES } from './contract.ts';
import { runningGroup } from './look-up-batch.ts';

export interface PendingDeps {
  readonly db: Pick<Sql, 'query'>;
  readonly client: Client;
  readonly installation: Installation;
}

/** Groups that are looked at one by one; who has more is told of these. */
const MOST_GROUPS = 100;
const LIMIT_MS = 5_000;

const IN_LEDGER = statement<{ id: string }>`
  select workflow_id as id from longshore.batch_group where workflow_id = any ($1)`;

/**
 * Counts the batches of groups that other processes have begun, or had when they died: those will be committed. The list
 * of Temporal lags behind by moments, so a group that it shows is asked for itself; of one that it does not show yet,
 * the commit comes within moments, or waits for the table's lock, which the caller asks for.
 * @param ours IDs of the groups of this process
 * @throws LongshoreError `temporal-unavailable`
 */
export async function pendingElsewhere(
  { db, client, installation }: PendingDeps,
  table: string,
  ours: ReadonlySet<string>,
): Promise<number> {
  const begun = await listGroups(client, installation, table).catch((error: unknown) => {
    throw translateTemporal(error);
  });
  const others = begun.filter((workflowId) => !ours.has(groupOf(workflowId)));
  if (others.length === 0) return 0;
  const ended = new Set((await db.query(IN_LEDGER, [others])).map(({ id }) => id));
  let batches = 0;
  for (const workflowId of others.filter((id) => !ended.has(id)).slice(0, MOST_GROUPS)) {
    batches += (await runningGroup(client, workflowId))?.batches ?? 0;
  }
  return batches;
}

async function listGroups(client: Client, { queue }: Installation, table: string): Promise<string[]> {
  const query =
    `TaskQueue = '${queue}' and ExecutionStatus = 'Running' and WorkflowType = '${COMMIT_BATCHES}' ` +
    `and ${TABLE_ATTRIBUTE_NAME} = '${table}'`;
  const begun: string[] = [];
  await client.withDeadline(Date.now() + LIMIT_MS, async () => {
    for await (const { workflowId } of listingClient(client).workflow.list({ query })) begun.push(workflowId);
  });
  return begun;
}

/** The group's ID is a UUID at the end of its workflow's. */
function groupOf(workflowId: string): string {
  return workflowId.slice(-36);
}
