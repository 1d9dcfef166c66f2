import proto from '@temporalio/proto';
import { lockWaits } from '../db/lock-holders.ts';
import { sessionName } from '../db/session-names.ts';
import { ERRORS, type ErrorCode } from '../errors.ts';
import { type JobError, jobError } from './job.ts';
import type { JobDeps } from './job-kind.ts';

/** Activities wait moments for a worker's slot; a longer wait is reported. */
const SLOT_WAIT_MS = 3_000;
const STARTED = proto.temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED;
const SCHEDULED = proto.temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED;

/**
 * @returns whose lock a workflow's activities wait for (`table-locked`), the error that they are retrying on, or
 *   `workers-busy` when none of them has found a worker's slot; null when neither is so, or Temporal does not answer
 * @param besideWorkers types of activities that run in the API's process, and so don't show that workers are free
 */
export async function retryingOn(
  { client, db }: Pick<JobDeps, 'client' | 'db'>,
  workflowId: string,
  besideWorkers: readonly string[] = [],
): Promise<JobError | null> {
  const described = await client.workflow
    .getHandle(workflowId)
    .describe()
    .catch(() => undefined);
  const pending = described?.raw.pendingActivities ?? [];
  const sessions = pending
    .filter(({ state }) => state === STARTED)
    .map(({ activityId, activityType }) =>
      sessionName({
        workflowId,
        runId: described!.runId,
        activityId: activityId ?? '',
        activityType: activityType?.name ?? '',
      }),
    );
  const locked = await lockWaits(db, sessions).catch(() => null);
  if (locked !== null) return jobError('table-locked', locked);
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
