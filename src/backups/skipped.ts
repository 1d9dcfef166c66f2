/** A backup that was skipped although it is newer than the chosen one. */
export interface Skipped {
  readonly backupId: string;
  readonly snapshotAt: string | null;
  /** Without a full stop. */
  readonly why: string;
  /** It was found in the storage, and this ledger has never trusted it. */
  readonly strange: boolean;
}
