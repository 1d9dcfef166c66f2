import type { Skipped } from '../backups/skipped.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { CopyFilter, CopyView } from './copies.ts';
import type { DifferencesPage } from './differences.ts';
import type { FieldsBetween, RestoreTarget, RestoreView, TableChange } from './restore.ts';
import type { RestoreFilter } from './restores.ts';

/**
 * Restores, dry runs and drills as the API sees them. Every call may throw a `LongshoreError`, which becomes the problem
 * of the answer; those that take an ID throw `unknown-restore`.
 */
export interface RestoreService extends Jobs<RestoreView> {
  /** @throws what `createRestore` does */
  start(request: StartRestore): Promise<RestoreView>;

  /** Starts a drill. @throws `unknown-backup`, `backup-state`, `backup-unverified` */
  verify(request: StartDrill): Promise<RestoreView>;

  /** The backup that `latest` means, up to a moment (RFC 3339); see `latestBackupOf`. @throws `unknown-backup`, `unknown-table` */
  latestOf(
    table: string,
    before?: string,
  ): Promise<{ readonly backupId: string; readonly skipped: readonly Skipped[] }>;

  /** Newest first. */
  list(filter: RestoreFilter): Promise<readonly RestoreView[]>;

  /**
   * Compares a table of a backup with the table as it is now. The counts are those of the first page's moment.
   * @throws `diff-not-ready`, `invalid-request` for a key that does not fit, and what `start` throws
   */
  diff(request: DiffRequest): Promise<Diff>;

  /** Copies (tables restored under other names), by name. */
  copies(filter: CopyFilter): Promise<readonly CopyView[]>;

  /**
   * @param within only if it is a copy of one of these tables; undefined: of any
   * @returns the table that it was a copy of
   * @throws `unknown-copy`, `copy-state`
   */
  deleteCopy(name: string, within: readonly string[] | undefined): Promise<string>;
}

export interface StartRestore {
  readonly kind: 'restore' | 'dry-run';
  readonly backupId: string;
  /** null: every table of the backup. */
  readonly tables: readonly string[] | null;
  readonly target: RestoreTarget;
  readonly acceptUnverified: boolean;
  /** Newer backups that were skipped when this one was chosen. */
  readonly skipped: readonly Skipped[];
  /** ID of the API key of the request. */
  readonly startedBy: string;
}

export interface StartDrill {
  readonly backupId: string;
  readonly acceptUnverified: boolean;
  readonly startedBy: string;
}

export interface DiffRequest {
  readonly backupId: string;
  /** Of the backup; the dictionary may not have it any more. */
  readonly table: string;
  readonly page: { readonly after: readonly string[] | null; readonly limit: number };
  /** How long this call waits for the backup to be read; reading goes on for later calls. */
  readonly waitMs: number;
  /** Aborted when the client has disconnected. */
  readonly signal: AbortSignal;
}

export interface Diff extends DifferencesPage {
  readonly counts: TableChange;
  readonly between: FieldsBetween;
}
