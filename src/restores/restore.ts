import type { Skipped } from '../backups/skipped.ts';
import type { JobView } from '../jobs/job.ts';

/** restore: into the live tables or beside them; dry-run: says what a restore would do; drill: proves a backup good. */
export type RestoreKind = 'restore' | 'dry-run' | 'drill';

/**
 * accepted → staging → (waiting →) (saving →) (comparing →) (publishing →) done, and from any → failed | cancelled.
 * waiting: for another restore of the table, or for writers under way; saving: makes the safety backup, and compares at
 * the same time where requested; comparing: compares without one, or proves, in a drill. From the end of waiting on
 * nobody else writes to the tables; a restore that is staging blocks no one.
 */
export type RestoreStatus =
  | 'accepted'
  | 'waiting'
  | 'saving'
  | 'staging'
  | 'publishing'
  | 'comparing'
  | 'done'
  | 'failed'
  | 'cancelled';

/** What a restore was requested to do. */
export interface RestoreTarget {
  /** Restore one table under this name beside the live one; null: in its place. */
  readonly as: string | null;
  /** Only the rows with these primary keys: the texts of the key's fields, in order; null: all rows. */
  readonly keys: readonly (readonly string[])[] | null;
  /** Take a backup of the present rows first. */
  readonly safety: boolean;
  /** Count the rows that change, by table; dry runs and restores of single rows always do. */
  readonly compare?: boolean;
  /** The backup was unverified, and the caller explicitly accepted that. Absent: it was verified. */
  readonly acceptUnverified?: boolean;
  /** Restore rows even if they break rules of the dictionary, where PostgreSQL accepts them. Absent: refuse them. */
  readonly acceptBrokenRows?: boolean;
  /** Of a dry run for a comparison, which restores nothing: how fields of the backup and of the table differ. */
  readonly between?: FieldsBetween;
}

/** Fields that a backup and its table of today do not have in common. */
export interface FieldsBetween {
  /** Of the backup; the dictionary does not have them any more. */
  readonly left: readonly string[];
  /** Of the dictionary; the backup does not have them, which counts as null. */
  readonly added: readonly string[];
  /** Of both, with types that can not be compared. */
  readonly retyped: readonly string[];
}

export interface RestoreView extends JobView {
  readonly id: number;
  readonly kind: RestoreKind;
  readonly backupId: string;
  /** The moment that the tables go back to (RFC 3339), and its age when the restore was requested. */
  readonly snapshotAt: string | null;
  readonly snapshotAgeSeconds: number | null;
  /** Newer backups that were skipped, and why, when `latest` was requested. */
  readonly skipped: readonly Skipped[];
  readonly tables: readonly string[];
  readonly target: RestoreTarget;
  readonly status: RestoreStatus;
  /** Restoring this one undoes the restore. */
  readonly safetyBackupId: string | null;
  /** Progress of staging the backup. */
  readonly progress: RestoreProgress;
  /** One entry a table, when it is known. */
  readonly changes: readonly TableChange[];
}

export interface RestoreProgress {
  readonly parts: number;
  readonly partsTotal: number;
  readonly rows: number;
  readonly rowsTotal: number;
}

/**
 * The changes of a restore or a dry run. Rows are identified by the primary key; where there is none, by all of their
 * fields, so that a changed row counts as one removed and one added. Counting takes a pass over both sides, so `added`,
 * `removed` and `changed` are null unless a comparison was requested.
 */
export interface TableChange {
  readonly table: string;
  readonly rowsNow: number;
  readonly rowsInBackup: number;
  /** In the backup and not in the table; null: not counted. */
  readonly added: number | null;
  readonly removed: number | null;
  /** null: not counted, or the table has no primary key. */
  readonly changed: number | null;
  /** References that would break, in words, of a dry run; a restore refuses them. */
  readonly broken: readonly string[];
  /** Primary keys that are neither in the backup nor in the table, of a restore of single rows. */
  readonly notFound?: readonly (readonly string[])[];
}
