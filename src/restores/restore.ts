import type { Skipped } from '../backups/skipped.ts';
import type { JobView } from '../jobs/job.ts';

/** restore: into the live tables or beside them; dry-run: says what a restore would do; drill: proves a backup good. */
export type RestoreKind = 'restore' | 'dry-run' | 'drill';

/**
 * accepted → staging → (waiting →) (saving →) (comparing →) (publishing →) done, and from any → failed | cancelled.
 * waiting: for another restore of the table, or for writers under way; saving: the safety backup, and, where it is asked
 * for, comparing at the same time; comparing without it: also of a drill, which proves. From the end of
 * waiting on nobody else writes to the tables; a restore that is staging disturbs no one.
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

/** What a restore shall do, as it was asked. */
export interface RestoreTarget {
  /** Restore one table under this name beside the live one; null: in its place. */
  readonly as: string | null;
  /** Only the rows with these primary keys: the texts of the key's fields, in order; null: all rows. */
  readonly keys: readonly (readonly string[])[] | null;
  /** Take a backup of what is there first. */
  readonly safety: boolean;
  /** Count the rows that change, table by table; dry runs and restores of single keys do so without being asked. */
  readonly compare?: boolean;
  /** The backup was unverified, and the caller explicitly accepted that. Absent: it was verified. */
  readonly acceptUnverified?: boolean;
  /** Take rows that break rules of the dictionary as they are, where PostgreSQL takes them. Absent: refuse them. */
  readonly acceptBrokenRows?: boolean;
}

export interface RestoreView extends JobView {
  readonly id: number;
  readonly kind: RestoreKind;
  readonly backupId: string;
  /** The moment that the tables go back to (RFC 3339), and how long before the restore was asked for it was. */
  readonly snapshotAt: string | null;
  readonly snapshotAgeSeconds: number | null;
  /** Of one that was asked for as the latest: newer backups that were passed over, and why. */
  readonly skipped: readonly Skipped[];
  readonly tables: readonly string[];
  readonly target: RestoreTarget;
  readonly status: RestoreStatus;
  /** Restoring this one undoes the restore. */
  readonly safetyBackupId: string | null;
  /** What is staged of the backup so far. */
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
 * What a restore changes, or would change. Rows are told apart by the primary key; where there is none, by all of
 * their fields, so that none is changed: it is removed, and another one added. Counting takes a pass over both sides,
 * so a restore that was not asked to compare leaves `added`, `removed` and `changed` null.
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
  /** Of a dry run: references that would break, in words; a restore refuses them. */
  readonly broken: readonly string[];
  /** Of a restore of single rows: keys that are neither in the backup nor in the table. */
  readonly notFound?: readonly (readonly string[])[];
}
