import type { BackupKey } from '../src/backups/encryption.ts';
import type { Database } from '../src/db/database.ts';
import type { Storage } from '../src/storage/storage.ts';

/** What activities stand on; made once a process. */
export interface ActivityDeps {
  readonly db: Database;
  readonly storage: Storage;
  /** What parts of encrypted backups are encrypted with; null: there is none. */
  readonly backupKey: BackupKey | null;
  /** Told of when a load or a restore has put rows into tables; may be told twice. */
  readonly onWritten?: () => void;
}
