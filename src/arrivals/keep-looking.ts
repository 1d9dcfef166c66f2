import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Installation } from '../installation/installation.ts';
import type { JobDeps } from '../jobs/job-kind.ts';
import { listingClient } from '../seal/listing-client.ts';
import { KIND_ATTRIBUTE } from '../temporal/search-attributes.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import { lookWorkflowId } from './arrival-files.ts';
import { readPrefixes } from './arrivals.ts';
import { LOOK, LOOK_AT_ARRIVAL, type LookAtArrivalInput } from './contract.ts';

export type LookingDeps = Pick<JobDeps, 'client' | 'db'> & {
  readonly installation: Pick<Installation, 'id' | 'queue'>;
};

/** Starts the looks at arrivals that have none: the arrival is new, or Temporal has lost them. */
export async function keepLooking(deps: LookingDeps): Promise<void> {
  const active = (await readPrefixes(deps.db)).filter(({ paused }) => !paused);
  if (active.length === 0) return;
  const { client, installation } = deps;
  const query = `TaskQueue = '${installation.queue}' and ExecutionStatus = 'Running' and WorkflowType = '${LOOK_AT_ARRIVAL}'`;
  const running = new Set<string>();
  for await (const { workflowId } of listingClient(client).workflow.list({ query })) running.add(workflowId);
  for (const { id } of active) {
    if (running.has(lookWorkflowId(installation.id, id))) continue;
    try {
      await client.workflow.start(LOOK_AT_ARRIVAL, optionsOf(deps, id));
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }
}

/** Brings the next look forward, to now. @throws LongshoreError `temporal-unavailable` */
export async function askToLook(deps: LookingDeps, arrivalId: string): Promise<void> {
  try {
    await deps.client.workflow.signalWithStart(LOOK_AT_ARRIVAL, {
      ...optionsOf(deps, arrivalId),
      signal: LOOK,
    });
  } catch (error) {
    throw translateTemporal(error);
  }
}

function optionsOf({ installation }: LookingDeps, arrivalId: string) {
  return {
    workflowId: lookWorkflowId(installation.id, arrivalId),
    taskQueue: installation.queue,
    args: [{ arrivalId } satisfies LookAtArrivalInput],
    typedSearchAttributes: [{ key: KIND_ATTRIBUTE, value: 'arrival' }],
    staticSummary: `Looks at arrival ${arrivalId}`,
  };
}
