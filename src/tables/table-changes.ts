import { setTimeout as sleep } from 'node:timers/promises';
import type { Database, Tx } from '../db/database.ts';
import { tableLocked } from '../db/lock-holders.ts';
import { asRefused } from '../db/refusal.ts';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.ts';
import type { DictionaryBook } from '../dictionary/dictionary-book.ts';
import { type HistoryPage, readHistory, type VersionView } from '../dictionary/dictionary-history.ts';
import { LongshoreError } from '../errors.ts';
import type { Table } from '../types.ts';
import { type AddedTables, type AddRequest, addTables } from './add-tables.ts';
import { bringBack, dropRemoved, listRemoved } from './bring-back.ts';
import { type RemoveRequest, removeTable } from './remove-table.ts';
import type { RemovedTable } from './removed-table.ts';
import { liveName } from './table-state.ts';

/** Others queue behind a waiting lock, so each try is short; a request does not wait for long. */
const LOCK_PAUSE_MS = 250;
const LOCK_TRIES = 6;

/** Changes of the dictionary of a running platform: each is one transaction, with the tables themselves. */
export interface TableChanges {
  /** @throws LongshoreError as `addTables`; `table-locked` where a table that a new one refers to is locked for long */
  add(request: AddRequest): Promise<AddedTables>;

  /** @throws LongshoreError as `removeTable`; `table-locked`; `temporal-unavailable` */
  remove(request: Omit<RemoveRequest, 'batches' | 'keptDays'>): Promise<RemovedTable>;

  /** Tables that can be brought back, the newest first. */
  removed(): Promise<readonly RemovedTable[]>;

  /** @throws LongshoreError as `bringBack`; `table-locked` */
  bringBack(id: number, by: string): Promise<Table>;

  /** Versions of the dictionary, the newest first. */
  history(page: HistoryPage): Promise<readonly VersionView[]>;

  /** Drops a removed table before its time. @returns its name @throws LongshoreError `unknown-removed-table` */
  drop(id: number): Promise<string>;
}

export interface TableChangesDeps {
  readonly db: Database;
  readonly book: Pick<DictionaryBook, 'look' | 'now'>;
  /** How long a table that was removed can be brought back. */
  readonly keptDays: number;
  /** Batches for a table that wait or are being committed, in any process. @throws LongshoreError `temporal-unavailable` */
  readonly pendingBatches: (table: string) => Promise<number>;
}

export function createTableChanges({ db, book, keptDays, pendingBatches }: TableChangesDeps): TableChanges {
  /** This process has the change when it answers; others find it in a moment. */
  const changing = async <T>(work: (tx: Tx) => Promise<T>): Promise<T> => {
    for (let tried = 1; ; tried++) {
      try {
        const changed = await db.transaction(work);
        await book.look();
        return changed;
      } catch (error) {
        if (sqlstateOf(error) !== SQLSTATE.lockNotAvailable) throw asRefused(error) ?? error;
        if (tried >= LOCK_TRIES) {
          const tables = book.now().tables.map((table) => liveName(table));
          throw await tableLocked(db, tables, 'share row exclusive', error);
        }
        await sleep(LOCK_PAUSE_MS);
      }
    }
  };
  return {
    add: (request) => changing((tx) => addTables(tx, request)),
    remove: (request) =>
      changing(async (tx) => {
        // Before anything is locked: Temporal may be slow to answer.
        const batches = await pendingBatches(request.name);
        return removeTable(tx, { ...request, keptDays, batches });
      }),
    removed: () => listRemoved(db),
    bringBack: (id, by) => changing((tx) => bringBack(tx, id, by)),
    history: (page) => readHistory(db, page),
    async drop(id) {
      const dropped = await changing((tx) => dropRemoved(tx, id));
      if (dropped !== null) return dropped.table;
      throw new LongshoreError('unknown-removed-table', `there is no removed table ${id}`);
    },
  };
}
