import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { ERRORS, type ErrorCode } from '../errors.ts';
import { type JobError, jobError } from './job.ts';

/** Activities wait moments for a worker's slot; a longer wait is reported. */
const SLOT_WAIT_MS = 3_000;
const SCHEDULED = proto.temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED;

/**
 * @returns the error that a workflow's activities are retrying on, or `workers-busy` when none of them has found a
 *   worker's slot; null when neither is so, or Temporal does not answer
 * @param besideWorkers types of activities that run in the API's process, and so don't show that workers are free
 */
export async function retryingOn(
  client: Client,
  workflowId: string,
  besideWorkers: readonly string[] = [],
): Promise<JobError | null> {
  const described = await client.workflow
    .getHandle(workflowId)
    .describe()
    .catch(() => undefined);
  const pending = described?.raw.pendingActivities ?? [];
  for (const { lastFailure } of pending) {
    const code = lastFailure?.applicationFailureInfo?.type;
    if (code && code in ERRORS) return jobError(code as ErrorCode, lastFailure.message ?? '');
  }
  const ofWorkers = pending.filter(({ activityType }) => !besideWorkers.includes(activityType?.name ?? ''));
  if (ofWorkers.some(({ state }) => state !== SCHEDULED)) return null;
  const since = ofWorkers.map(({ scheduledTime }) => Number(scheduledTime?.seconds ?? Number.NaN) * 1000);
  const waited = Date.now() - Math.min(...since);
  if (!(waited >= SLOT_WAIT_MS && waited < Number.POSITIVE_INFINITY)) return null;
  return jobError(
    'workers-busy',
    `no activity worker has had a slot free for it for ${Math.floor(waited / 1000)} s`,
  );
}
