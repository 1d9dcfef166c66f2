import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleDescription,
  ScheduleNotFoundError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { Logger } from 'pino';
import { COMMIT_BATCHES, type CommitBatchesInput } from '../batches/contract.ts';
import { startGroup } from '../batches/start-group.ts';
import type { Database } from '../db/database.ts';
import { giveOwnNames, type Installation } from '../installation/installation.ts';
import { FORMER_QUEUE, nameIn } from '../installation/names.ts';
import { REFRESH_ON_SCHEDULE, REFRESH_REPORT } from '../reports/contract.ts';
import { RUN_SCHEDULE } from '../schedules/contract.ts';
import { listingClient } from '../seal/listing-client.ts';

export interface TakeOverDeps {
  readonly client: Client;
  /** A client that reads unsealed payloads of before. */
  readonly formerClient: Client;
  readonly db: Database;
  readonly installation: Installation;
  readonly log: Logger;
}

const TAKEN_OVER = 'it goes on under a new name, with the ID of its installation';

/**
 * Takes over what began before installations had IDs: once, at the first start after the upgrade. Running loads, backups
 * and restores get new workflows (started by housekeeping), which continue from the ledger; groups of batches and
 * schedules are made again under the installation's names. Idempotent: if interrupted, the next start continues.
 */
export async function takeOver(deps: TakeOverDeps): Promise<void> {
  const { client, db, installation, log } = deps;
  if (!installation.takesOver) return;
  const former = await db.transaction((tx) => giveOwnNames(tx, installation.id));
  const running = await runningIn(client, [
    COMMIT_BATCHES,
    RUN_SCHEDULE,
    REFRESH_REPORT,
    REFRESH_ON_SCHEDULE,
  ]);
  for (const { workflowId, type } of running) {
    if (type === COMMIT_BATCHES) await takeOverGroup(deps, workflowId);
  }
  await takeOverSchedules(deps);
  for (const workflowId of [...former, ...running.map((one) => one.workflowId)]) {
    await client.workflow
      .getHandle(workflowId)
      .terminate(TAKEN_OVER)
      .catch((error) => {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      });
    log.info({ workflowId }, `The workflow ${workflowId} was ended: ${TAKEN_OVER}`);
  }
  await db.ledger.updateTable('installation').set({ takes_over: false }).execute();
}

async function runningIn(client: Client, types: readonly string[]) {
  const found: { readonly workflowId: string; readonly type: string }[] = [];
  const query = `TaskQueue = '${FORMER_QUEUE}' and ExecutionStatus = 'Running'`;
  for await (const { workflowId, type } of listingClient(client).workflow.list({ query })) {
    if (types.includes(type)) found.push({ workflowId, type });
  }
  return found;
}

/** The ledger's record of a group is unique by its batches too, so only the first of the two workflows commits. */
async function takeOverGroup({ client, installation }: TakeOverDeps, workflowId: string): Promise<void> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  if (!payload) return;
  const input = defaultPayloadConverter.fromPayload<CommitBatchesInput>(payload);
  await startGroup({ client, installation }, input, []).catch((error) => {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  });
}

/** Times, pauses and notes stay. The old schedule is deleted last, so that an interruption loses none. */
async function takeOverSchedules({ client, formerClient, installation, log }: TakeOverDeps): Promise<void> {
  const former: string[] = [];
  for await (const { scheduleId, action } of listingClient(client).schedule.list()) {
    const type = action?.workflowType;
    if (type === RUN_SCHEDULE || type === REFRESH_ON_SCHEDULE) former.push(scheduleId);
  }
  for (const id of former) {
    const described = await formerClient.schedule.getHandle(id).describe().catch(unlessGone);
    if (described?.action.taskQueue !== FORMER_QUEUE) continue;
    await client.schedule.create(renamed(installation, described)).catch((error) => {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    });
    await client.schedule.getHandle(id).delete().catch(unlessGone);
    log.info({ scheduleId: id }, `The schedule ${id} now has the installation's ID in Temporal`);
  }
}

function renamed(installation: Installation, described: ScheduleDescription) {
  const { scheduleId, action, spec, policies, state } = described;
  // The ID of a report's schedule began with `report-` already.
  const isReport = action.workflowType === REFRESH_ON_SCHEDULE;
  const id = nameIn(installation.id, isReport ? scheduleId : `schedule-${scheduleId}`);
  const { workflowType, args } = action;
  const renamedAction = {
    type: 'startWorkflow' as const,
    workflowType,
    args,
    workflowId: id,
    taskQueue: installation.queue,
    ...(action.typedSearchAttributes && { typedSearchAttributes: action.typedSearchAttributes }),
  };
  return { scheduleId: id, spec, policies, state, action: renamedAction };
}

function unlessGone(error: unknown): undefined {
  if (!(error instanceof ScheduleNotFoundError)) throw error;
}
