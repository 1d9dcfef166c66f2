import type { BackupKeys } from '../src/backups/backup-keys.ts';
import type { Database } from '../src/db/database.ts';
import type { Storage } from '../src/storage/storage.ts';
import type { Dictionary } from '../src/types.ts';

/** What activities stand on; made once a process. */
export interface ActivityDeps {
  readonly db: Database;
  readonly storage: Storage;
  /** What backups are encrypted and authenticated with. */
  readonly backupKeys: BackupKeys;
  /** How many rejects of a load are kept with their records; `KEPT_REJECTS` unless given. */
  readonly keptRejects?: number;
  /** Called when a load or a restore has written to tables; may be called twice for one. */
  readonly onWritten?: () => void;
  /** Asks for fresh statistics of tables that were written, for which nobody waits. */
  readonly analyze?: (tables: readonly string[]) => void;
}

/** Of activities that choose tables. */
export interface DictionaryDeps extends ActivityDeps {
  readonly dictionary: Dictionary;
}
