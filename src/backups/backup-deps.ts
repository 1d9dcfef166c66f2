import type { Database } from '../db/database.ts';
import type { Storage } from '../storage/storage.ts';
import type { BackupKeys } from './backup-keys.ts';

/** The dependencies needed to verify a backup. */
export interface BackupDeps {
  readonly db: Database;
  readonly storage: Storage;
  readonly keys: BackupKeys;
}
