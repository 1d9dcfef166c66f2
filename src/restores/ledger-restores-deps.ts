import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { BackupKeys } from '../backups/backup-keys.ts';
import type { Database } from '../db/database.ts';
import type { Installation } from '../installation/installation.ts';
import type { Storage } from '../storage/storage.ts';
import type { Dictionary } from '../types.ts';

export interface LedgerRestoresDeps {
  readonly db: Database;
  readonly client: Client;
  readonly installation: Installation;
  readonly storage: Storage;
  readonly backupKeys: BackupKeys;
  readonly dictionary: Dictionary;
  readonly maxCopies: number;
  readonly log: Logger;
}
