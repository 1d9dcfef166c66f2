import type { BackupKeys } from '../src/backups/backup-keys.ts';
import type { Database } from '../src/db/database.ts';
import type { DictionaryBook } from '../src/dictionary/dictionary-book.ts';
import type { Storage } from '../src/storage/storage.ts';

/** The dependencies of activities, made once a process. */
export interface ActivityDeps {
  readonly db: Database;
  readonly storage: Storage;
  /** The keys by which backups are encrypted and authenticated. */
  readonly backupKeys: BackupKeys;
  /** How many rejects of a load are kept with their records; `KEPT_REJECTS` unless given. */
  readonly keptRejects?: number;
  /** The bytes that one byte of a packed file may become; `MAX_EXPANSION` unless given. */
  readonly maxExpansion?: number;
  /** Called when a load or a restore has written to tables; may be called twice for one. */
  readonly onWritten?: () => void;
  /** Requests fresh statistics of written tables, in the background. */
  readonly analyze?: (tables: readonly string[]) => void;
}

/** Dependencies of activities that choose tables. */
export interface DictionaryDeps extends ActivityDeps {
  readonly dictionary: Pick<DictionaryBook, 'now' | 'look'>;
}
