/** What schedules do: runs of backups and drills, refreshes of a report, or the deletion of what is old in the ledger. */
export type ScheduleSort = 'runs' | 'report' | 'tidy';

/** A schedule as Temporal has it, as JSON: all that makes it again. */
export interface ScheduleDefinition {
  readonly spec: Readonly<Record<string, unknown>>;
  /** Of its runs' workflow. */
  readonly args: readonly unknown[];
  readonly policies: Readonly<Record<string, unknown>>;
  readonly paused: boolean;
  readonly note: string | null;
  /** Runs that are left, where somebody has limited them in Temporal. */
  readonly remainingActions: number | null;
}

/** How far Temporal was when the ledger last looked: what is behind that came back from an older copy. */
export interface SeenInTemporal {
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly actions: number;
  /** Counts changes, pauses too, which the times don't tell. Absent in what was seen before; null: not known. */
  readonly revision?: number | null;
}
