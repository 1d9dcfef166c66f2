import type { PlannedPart } from './plan-parts.ts';

/** Names and shapes that a backup's workflow shares with its callers. Pure: safe in workflow code. */

export const BACK_UP = 'backUp';

/** The workflow's ID is `<installation>-backup-<id>`. */
export interface BackUpInput {
  readonly backupId: string;
  /** Set by schedules: a run of a schedule creates its own backup, with an ID from its own start. */
  readonly tables: readonly string[];
  /** Carried over continue-as-new: each run is an attempt with a snapshot of its own. From 1. */
  readonly attempt?: number;
}

/** Sent by the activity that holds a backup's snapshot, once the snapshot is taken. */
export const SNAPSHOT_HELD = 'snapshotHeld';

export interface HeldSnapshot {
  /** Attempt of the backup: signals of earlier attempts are ignored. */
  readonly attempt: number;
  readonly snapshotId: string;
  readonly parts: readonly PlannedPart[];
}

/** Type of the failure that requests another attempt with a new snapshot; it never reaches users. */
export const SNAPSHOT_LOST = 'snapshot-lost';

export interface BackedUp {
  readonly backupId: string;
  readonly rows: number;
  readonly bytes: number;
}
