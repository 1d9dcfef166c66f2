import type { BackupStatus } from '../backups/backup.ts';
import type { RetentionPlan } from '../backups/retention.ts';
import type { JobError } from '../jobs/job.ts';
import type { RestoreStatus } from '../restores/restore.ts';
import type { RunScheduleInput, ScheduleKind } from './contract.ts';
import type { NewSchedule, ScheduleChange } from './schedule.ts';

/**
 * Schedules as the API sees them. They are Temporal Schedules, which the ledger can make again: changes that people make
 * there show here. Calls that take an ID throw `unknown-schedule`; any may throw `temporal-unavailable`. A schedule that is
 * broken can be seen, paused and deleted; other calls throw `schedule-broken`.
 */
export interface ScheduleService {
  /** By ID; each with its last run only. One that can't be read is `broken`, and keeps no other from being listed. */
  list(): Promise<readonly ScheduleView[]>;

  get(id: string): Promise<ScheduleView>;

  /** @throws `schedule-state` when the ID is taken; `invalid-request`, `unknown-table`, `backup-key-missing` */
  create(request: NewSchedule): Promise<ScheduleView>;

  /** Changes the given properties; the others stay, a pause too. @throws as `create` */
  change(id: string, change: ScheduleChange): Promise<ScheduleView>;

  /** Deletes the schedule; a run that is under way goes on. */
  delete(id: string): Promise<void>;

  /** Pauses or resumes. Idempotent. */
  setPaused(id: string, paused: boolean): Promise<ScheduleView>;

  /**
   * Starts a run now, also of a schedule that is paused.
   * @returns the run; null when Temporal did not report it within a few seconds
   * @throws `schedule-state` while a run is under way
   */
  trigger(id: string): Promise<StartedRun | null>;

  /** The plan of retention at present. */
  retention(id: string): Promise<RetentionPlan>;
}

export interface StartedRun {
  readonly workflowId: string;
  readonly runId: string;
}

export interface ScheduleView extends Omit<RunScheduleInput, 'scheduleId'> {
  readonly id: string;
  /** As Temporal's own tools name it: with the installation's ID. */
  readonly temporalId: string;
  readonly kind: ScheduleKind;
  /** null: it was given times in Temporal that no cron expression can express. `nextRuns` has them. */
  readonly cron: string | null;
  readonly paused: boolean;
  readonly note: string | null;
  /** The next ones, RFC 3339; none while it is paused. */
  readonly nextRuns: readonly string[];
  /** What happens at its times when clocks change, within a year; empty: nothing special. */
  readonly warnings: readonly string[];
  /** Newest first; Temporal remembers ten. */
  readonly lastRuns: readonly ScheduleRun[];
  /**
   * Why its runs can't be told, since somebody has changed it in Temporal; null: they can. What can't be read is as if it
   * were left out, so that only keys of all tables see it.
   */
  readonly broken: JobError | null;
}

export type RunStatus = 'running' | 'done' | 'failed' | 'cancelled' | 'unknown';

export interface ScheduleRun extends StartedRun {
  /** The scheduled time, not that of the start. */
  readonly scheduledAt: string;
  readonly startedAt: string;
  /** `unknown`: Temporal has forgotten the run, and the ledger has nothing of it. */
  readonly status: RunStatus;
  readonly backup: { readonly id: string; readonly status: BackupStatus } | null;
  readonly drills: readonly RunDrill[];
}

export interface RunDrill {
  readonly restoreId: number;
  readonly backupId: string;
  readonly status: RestoreStatus;
}
