import type { Database } from '../db/database.ts';
import type { Storage } from '../storage/storage.ts';
import type { BackupKeys } from './backup-keys.ts';

/** What it takes to tell whether a backup is to be believed. */
export interface BackupDeps {
  readonly db: Database;
  readonly storage: Storage;
  readonly keys: BackupKeys;
}
