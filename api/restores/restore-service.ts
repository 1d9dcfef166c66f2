import type { RestoreStatus, RestoreTarget, RestoreView } from '../../src/backups/restore.ts';
import type { RestoreFilter } from '../../src/backups/restores.ts';

/**
 * What the API asks of restores, dry runs and drills. Every call may throw a `LongshoreError`, which becomes the problem
 * of the answer; those that take an ID throw `unknown-restore`.
 */
export interface RestoreService {
  /** @throws what `createRestore` does */
  start(request: StartRestore): Promise<RestoreView>;

  /** Starts a drill. @throws `unknown-backup`, `backup-state` */
  verify(request: { readonly backupId: string; readonly startedBy: string }): Promise<RestoreView>;

  /** The newest good backup that holds the table. @throws `unknown-backup` */
  latestOf(table: string): Promise<string>;

  get(id: number): Promise<RestoreView>;

  /** Newest first. */
  list(filter: RestoreFilter): Promise<readonly RestoreView[]>;

  /** Resolves as `LoadService.wait` does. */
  wait(id: number, waitMs: number, signal: AbortSignal): Promise<RestoreView>;

  /** Asks for the end, which follows a little later. @throws `restore-state` when it has ended */
  cancel(id: number): Promise<RestoreView>;
}

export interface StartRestore {
  readonly kind: 'restore' | 'dry-run';
  readonly backupId: string;
  /** null: every table of the backup. */
  readonly tables: readonly string[] | null;
  readonly target: RestoreTarget;
  /** ID of the key that asks. */
  readonly startedBy: string;
}

const ENDS: readonly RestoreStatus[] = ['done', 'failed', 'cancelled'];

export function restoreHasEnded({ status }: { readonly status: RestoreStatus }): boolean {
  return ENDS.includes(status);
}
