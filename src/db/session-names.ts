import { createHash } from 'node:crypto';

export interface ActivityOfSession {
  readonly workflowId: string;
  readonly runId: string;
  readonly activityId: string;
  readonly activityType: string;
}

/**
 * What `pg_stat_activity` calls the sessions of an activity: all of its attempts have this name, and no other activity
 * has. PostgreSQL keeps 63 bytes.
 */
export function sessionName({ workflowId, runId, activityId, activityType }: ActivityOfSession): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([workflowId, runId, activityId]))
    .digest('hex');
  return `longshore ${activityType.slice(0, 24)} ${hash.slice(0, 16)}`;
}
