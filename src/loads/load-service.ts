import type { DictionaryBook } from '../dictionary/dictionary-book.ts';
import type { JobError } from '../jobs/job.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { RejectsSummary } from '../rejects/kept-rejects.ts';
import type { RejectsPage } from '../rejects/rejects.ts';
import type { RejectShape } from '../rejects/rejects-csv.ts';
import type { LoadMode, LoadStatus, MaxRejects, ReadAs, Survey, Table } from '../types.ts';
import type { LoadSource, LoadView } from './load-view.ts';

/**
 * The loads as the API sees them. Every call may throw a `LongshoreError`, which becomes the problem of the answer;
 * calls that take a load's ID throw `unknown-load` unless they say otherwise.
 */
export interface LoadService extends Jobs<LoadView> {
  /**
   * Starts a load, or finds an earlier one of the same content, table and mode (`existing`; never with `force`). A load
   * that failed or was cancelled is not found: the file starts a new one. The service takes ownership of the source's
   * file, unless `existing` is true or the call refuses the request: then the caller deletes what it uploaded.
   */
  start(request: StartLoad): Promise<LoadStart>;

  /** Newest first. */
  list(filter: LoadFilter): Promise<readonly LoadView[]>;

  /** Rejects by line, from the first line after `afterLine`; at most `limit`, fewer where they are large. */
  rejects(id: number, page: { readonly afterLine: number; readonly limit: number }): Promise<RejectsPage>;

  /** Counts of rejects by field and rule. */
  rejectsSummary(id: number): Promise<RejectsSummary>;

  /** Deletes the rejects; their counts stay. @throws `load-state` while the load runs */
  deleteRejects(id: number): Promise<void>;

  /** The columns of a CSV of all rejects. */
  rejectShape(id: number): Promise<RejectShape>;

  /** The view once the request is recorded; the load itself may follow a little later. @throws `load-state` */
  setPaused(id: number, paused: boolean): Promise<LoadView>;

  /** One entry for each name, in that order; `names` are tables of the dictionary. */
  tables(names: readonly string[]): Promise<readonly TableView[]>;

  /** One page of a table's rows in the order of their primary key, or of `_load_id, _line` where it has none. */
  rows(table: Table, page: RowsPage): Promise<Rows>;
}

export interface LoadStart {
  readonly load: LoadView;
  readonly existing: boolean;
  /** Of an existing load: the table's rules have changed since, so the same file could have other rejects now. */
  readonly rulesChanged: boolean;
  /** Of an existing load: it read the file with another dialect or encoding than is asked for now. */
  readonly readOtherwise: boolean;
}

export interface StartLoad {
  /** As the dictionary has it. */
  readonly table: Table;
  /** How the file is read in place of that, as its survey was made; null or absent: as the dictionary has it. */
  readonly readAs?: ReadAs | null;
  /** The encoding of the stored text, where it is not the one that it is asked to be read in. */
  readonly textEncoding?: string | null;
  /** The dictionary that the table is from. */
  readonly dictionary: ReturnType<DictionaryBook['now']>;
  readonly mode: LoadMode;
  readonly source: LoadSource;
  /** Survey made during the upload. null for a file in the inbox, which an activity surveys. */
  readonly survey: Survey | null;
  readonly maxRejects: MaxRejects | null;
  /** Start another load even when the same content was loaded before. */
  readonly force: boolean;
  /** ID of the API key that requested it. */
  readonly startedBy: string;
}

export interface LoadFilter {
  /** Only loads of these tables; absent: of every table. */
  readonly tables?: readonly string[];
  readonly status?: LoadStatus;
  /** Only loads with a smaller ID. */
  readonly before?: number;
  readonly limit: number;
}

/** Size and state of a table. The API adds its definition in the dictionary. */
export interface TableView {
  readonly name: string;
  readonly rows: number;
  /** false: the planner's estimate, because counting would take too long, or somebody has locked the table. */
  readonly rowsExact: boolean;
  /** On disk, indexes included. */
  readonly bytes: number;
  /** The newest load that is done; null when there is none. */
  readonly lastLoadId: number | null;
  /** Why it can't be used: it was dropped or changed by hand. null: it can. */
  readonly broken: JobError | null;
}

export interface RowsPage {
  /** `next` of the page before; null for the first page. From a client, so it is checked: @throws `invalid-request`. */
  readonly after: readonly string[] | null;
  readonly limit: number;
}

export interface Rows {
  readonly rows: readonly StoredRow[];
  /** The last row's key, as text, when there may be more rows. */
  readonly next: readonly string[] | null;
}

/**
 * A row as text, in the order of the dictionary's fields: integers and numbers with every digit, booleans `true`
 * or `false`, dates and times in the form of RFC 3339; null for SQL NULL.
 */
export interface StoredRow {
  readonly loadId: number;
  readonly line: number;
  readonly cells: readonly (string | null)[];
}
