import { Client } from '@temporalio/client';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import type { Logger } from 'pino';
import { BACK_UP, type BackUpInput } from '../backups/contract.ts';
import { COMMIT_BATCHES } from '../batches/contract.ts';
import type { Config } from '../config.ts';
import type { Sql } from '../db/sql.ts';
import { PayloadKeyEntity } from '../ledger/key-entities.ts';
import { LOAD_CSV } from '../loads/contract.ts';
import { REFRESH_ON_SCHEDULE, REFRESH_REPORT } from '../reports/contract.ts';
import { RESTORE } from '../restores/contract.ts';
import { RUN_SCHEDULE } from '../schedules/contract.ts';
import { SEAL } from '../seal/arrived.ts';
import { listingClient } from '../seal/listing-client.ts';
import { notePayloadKeys } from '../seal/noted-keys.ts';
import { readPayloadKeys } from '../seal/payload-keys.ts';
import { sealedClientOptions } from '../seal/sealed-client.ts';

export interface TakeOverDeps {
  readonly config: Config;
  readonly client: Client;
  readonly db: Sql;
  readonly log: Logger;
}

/** The ledger's table for each type of workflow; a workflow without a row there is not taken over. */
const LEDGER: Readonly<Record<string, 'load' | 'backup' | 'restore'>> = {
  [LOAD_CSV]: 'load',
  [BACK_UP]: 'backup',
  [RESTORE]: 'restore',
};
/** Final states of loads, backups and restores. */
const ENDED: readonly string[] = ['done', 'failed', 'cancelled', 'deleted', 'unverified'];
/** What is requested again automatically: by housekeeping, or by the next run of its schedule. */
const RENEWED: readonly string[] = [RUN_SCHEDULE, REFRESH_ON_SCHEDULE, REFRESH_REPORT];
const REASON = 'of before payloads were sealed';

/**
 * Seals what a version without seals has left in Temporal: running jobs are started anew with their input, and find in
 * the ledger what is done already; schedules get their input again. Runs once in the life of a ledger, before its first
 * payload key is recorded: from then on, an unsealed payload is not Longshore's.
 */
export async function takeOverUnsealed(deps: TakeOverDeps): Promise<void> {
  const { config, db } = deps;
  if ((await db.em.count(PayloadKeyEntity)) === 0) {
    await takeOverWorkflows(deps);
    await takeOverSchedules(deps);
  }
  await notePayloadKeys(db, readPayloadKeys(config));
}

async function takeOverWorkflows(deps: TakeOverDeps): Promise<void> {
  const { client, log } = deps;
  const plain = withoutSeals(client);
  const ended: { workflowId: string; runId: string }[] = [];
  for await (const { workflowId, runId, type } of listingClient(client).workflow.list({
    query: `ExecutionStatus = 'Running'`,
  })) {
    if (RENEWED.includes(type)) ended.push({ workflowId, runId });
    else if (await isOurs(deps, type, workflowId)) await beginAnew(deps, plain, { workflowId, runId, type });
  }
  // Schedules' runs end after the jobs, since a run cancels its children when it ends.
  for (const { workflowId, runId } of ended) {
    if ((await unsealedInput(client, workflowId, runId)) === null) continue;
    log.warn({ workflowId }, `A workflow ${REASON} was ended: ${workflowId}`);
    await client.workflow.getHandle(workflowId, runId).terminate(REASON);
  }
}

async function isOurs({ db }: TakeOverDeps, type: string, workflowId: string): Promise<boolean> {
  // Groups are in the ledger only from their commit on; before it only their workflow knows them.
  if (type === COMMIT_BATCHES) return true;
  const table = LEDGER[type];
  if (table === undefined) return false;
  const job = await db.ledger
    .selectFrom(table)
    .select('status')
    .where('workflow_id', '=', workflowId)
    .executeTakeFirst();
  return job !== undefined && !ENDED.includes(job.status);
}

async function beginAnew(
  { client, db, log }: TakeOverDeps,
  plain: Client,
  { workflowId, runId, type }: { readonly workflowId: string; readonly runId: string; readonly type: string },
): Promise<void> {
  const input = await unsealedInput(client, workflowId, runId);
  if (input === null) return;
  const described = await plain.workflow.getHandle(workflowId, runId).describe();
  const handle = await client.workflow.start(type, {
    workflowId,
    taskQueue: described.taskQueue,
    args: [type === BACK_UP ? nextAttempt(input as BackUpInput) : input],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    workflowIdConflictPolicy: 'TERMINATE_EXISTING',
    memo: described.memo,
    typedSearchAttributes: described.typedSearchAttributes,
    staticSummary: await described.staticSummary(),
    staticDetails: await described.staticDetails(),
  });
  log.warn({ workflowId }, `A workflow ${REASON} began anew: ${workflowId}`);
  const table = LEDGER[type];
  if (table === undefined) return;
  await db.ledger
    .updateTable(table)
    .set({ run_id: handle.firstExecutionRunId })
    .where('workflow_id', '=', workflowId)
    .execute();
}

/** The next attempt, with a new snapshot: the old one was held for the ended run. */
function nextAttempt(input: BackUpInput): BackUpInput {
  return { ...input, attempt: (input.attempt ?? 1) + 1 };
}

/** A workflow's unsealed input; null when it has none. */
async function unsealedInput(client: Client, workflowId: string, runId: string): Promise<unknown> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  return unsealedValue(started?.input?.payloads?.[0]);
}

function unsealedValue(payload: Payload | null | undefined): unknown {
  if (!payload || payload.metadata?.[SEAL]) return null;
  return defaultPayloadConverter.fromPayload(payload) ?? null;
}

async function takeOverSchedules({ config, client, log }: TakeOverDeps): Promise<void> {
  const { namespace } = client.options;
  const admitting = new Client({
    connection: client.connection,
    namespace,
    ...sealedClientOptions(config, 'admit'),
  });
  for await (const { scheduleId, action } of listingClient(client).schedule.list()) {
    const type = action?.workflowType;
    if (type !== RUN_SCHEDULE && type !== REFRESH_ON_SCHEDULE) continue;
    const { schedule } = await client.workflowService.describeSchedule({ namespace, scheduleId });
    if (unsealedValue(schedule?.action?.startWorkflow?.input?.payloads?.[0]) === null) continue;
    log.warn({ scheduleId }, `A schedule ${REASON} was sealed: ${scheduleId}`);
    await admitting.schedule
      .getHandle(scheduleId)
      .update(({ spec, action, policies, state }) => ({ spec, action, policies, state }));
  }
}

function withoutSeals(client: Client): Client {
  return new Client({ connection: client.connection, namespace: client.options.namespace });
}
