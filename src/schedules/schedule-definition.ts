/** What schedules do: runs of backups and drills, refreshes of a report, or the deletion of what is old in the ledger. */
export type ScheduleSort = 'runs' | 'report' | 'tidy';

/** A schedule of Temporal as JSON, with all that is needed to make it again. */
export interface ScheduleDefinition {
  readonly spec: Readonly<Record<string, unknown>>;
  /** Arguments of its runs' workflow. */
  readonly args: readonly unknown[];
  readonly policies: Readonly<Record<string, unknown>>;
  readonly paused: boolean;
  readonly note: string | null;
  /** Remaining runs, where somebody has limited them in Temporal. */
  readonly remainingActions: number | null;
}

/** Temporal's state when it was last read: an earlier one means that Temporal was restored from an older copy. */
export interface SeenInTemporal {
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly actions: number;
  /** Counts changes, including pauses, which the times don't show. Absent in older entries; null: not known. */
  readonly revision?: number | null;
}
