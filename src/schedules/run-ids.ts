import { newBackupId } from '../backups/backup-id.ts';

/** A run of a schedule: one workflow. */
export interface ScheduledRun {
  readonly scheduleId: string;
  readonly runId: string;
  /** RFC 3339. */
  readonly startedAt: string;
}

/** `startedBy` of the jobs of a run, by which a retried activity finds them. */
export function startedByRun({ scheduleId, runId }: Pick<ScheduledRun, 'scheduleId' | 'runId'>): string {
  return `schedule:${scheduleId}:${runId}`;
}

/**
 * The ID of a run's backup, which makes its creation idempotent. It ends in the last digits of the run's ID: the first
 * digits of a UUID of version 7 are the time, which runs of one second share.
 */
export function backupIdOfRun({ runId, startedAt }: ScheduledRun): string {
  return newBackupId(new Date(startedAt)).replace(/[0-9a-f]{6}$/, runId.slice(-6));
}
