/** A backup that the choice passed over, though it is newer than the one that was chosen. */
export interface Skipped {
  readonly backupId: string;
  readonly snapshotAt: string | null;
  /** Without a full stop. */
  readonly why: string;
  /** It was found in the storage, and this ledger has never believed it. */
  readonly strange: boolean;
}
