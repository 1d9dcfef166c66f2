import { newBackupId } from '../backups/backup-id.ts';

/** A run of a schedule: one workflow. */
export interface ScheduledRun {
  readonly scheduleId: string;
  readonly runId: string;
  /** RFC 3339. */
  readonly startedAt: string;
}

/** Who started what a run made, in the ledger: the run finds it again by this when an activity is tried again. */
export function startedByRun({ scheduleId, runId }: Pick<ScheduledRun, 'scheduleId' | 'runId'>): string {
  return `schedule:${scheduleId}:${runId}`;
}

/**
 * One run makes one backup, however often it asks. Of a run's ID the last digits are taken: the first ones of a UUID
 * of version 7 are the time, which runs of one second share.
 */
export function backupIdOfRun({ runId, startedAt }: ScheduledRun): string {
  return newBackupId(new Date(startedAt)).replace(/[0-9a-f]{6}$/, runId.slice(-6));
}
