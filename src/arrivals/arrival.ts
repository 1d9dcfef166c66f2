import type { JobError } from '../jobs/job.ts';
import type { LoadMode, ReadAs } from '../types.ts';

/** Where an arrival looks for files. */
export const ARRIVAL_SOURCES = ['storage'] as const;
export type ArrivalSourceName = (typeof ARRIVAL_SOURCES)[number];

/** What becomes of a file that is loaded; one that fails is never deleted. */
export const ARRIVAL_AFTER = ['keep', 'move', 'delete'] as const;
export type ArrivalAfter = (typeof ARRIVAL_AFTER)[number];

/** The order in which files that are there at once are taken. */
export const ARRIVAL_ORDERS = ['name', 'time'] as const;
export type ArrivalOrder = (typeof ARRIVAL_ORDERS)[number];

/**
 *   waiting ─ loading ─┬─ done       its rows are in the table
 *                      ├─ failed     its load failed or was cancelled
 *   (seen) ────────────┴─ skipped    it is not loaded: the error says why
 */
export const FILE_STATES = ['waiting', 'loading', 'done', 'failed', 'skipped'] as const;
export type FileState = (typeof FILE_STATES)[number];
export type FileOutcome = Extract<FileState, 'done' | 'failed' | 'skipped'>;

/** The arrival of the inbox, which every installation has. */
export const INBOX_ARRIVAL = 'inbox';

/** What can be set of an arrival. */
export interface ArrivalSettings {
  readonly source: ArrivalSourceName;
  /** Folder of the source, with a slash at its end. */
  readonly prefix: string;
  /** Of paths below the prefix, see `parsePattern`. */
  readonly pattern: string;
  /** null: the path says it, at `{table}` of the pattern. */
  readonly table: string | null;
  readonly mode: LoadMode;
  readonly after: ArrivalAfter;
  readonly order: ArrivalOrder;
  /** As requests write it: `100`, `1.5%`, `none`; null: as configured. */
  readonly maxRejects: string | null;
  /** How its files are written in place of what the dictionary says of their table; null: as it says. */
  readonly dialect: ReadAs | null;
  readonly everySeconds: number;
  /** How long size and version have to stay the same before a file is taken. */
  readonly stableSeconds: number;
  /** Name of a file that has to be in the folder first; with `{name}` one for each file. null: none. */
  readonly marker: string | null;
  readonly paused: boolean;
}

export interface ArrivalView extends ArrivalSettings {
  readonly id: string;
  readonly files: Readonly<Record<Extract<FileState, 'waiting' | 'loading'>, number>>;
  readonly lookedAt: string | null;
  /** Why the last look failed; null: it succeeded. The next one tries again. */
  readonly lookError: JobError | null;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly changedAt: string;
}

/** How the arrival was set when the file was taken, so that later changes leave it alone. */
export interface FilePlan {
  /** Where the file is, in which version. Of a file that is tried again: where it was moved to. */
  readonly key: string;
  readonly bytes: number;
  readonly version: string;
  /** Of an earlier try; the new one takes its place. */
  readonly formerReceipt: string | null;
  readonly prefix: string;
  readonly table: string;
  readonly mode: LoadMode;
  readonly after: ArrivalAfter;
  readonly maxRejects: string | null;
  /** Absent from files that were taken before there was any. */
  readonly dialect?: ReadAs | null;
  readonly marker: string | null;
  /** Also where the same content was loaded before. */
  readonly force: boolean;
}

export interface ArrivalFileView {
  readonly id: number;
  readonly arrival: string;
  readonly source: ArrivalSourceName;
  /** From the root of the source. */
  readonly path: string;
  readonly version: string;
  readonly bytes: number;
  readonly modifiedAt: string | null;
  readonly table: string | null;
  readonly state: FileState;
  readonly loadId: number | null;
  readonly tries: number;
  readonly error: JobError | null;
  /** Where it is now; null: it is where it was, or it was deleted. */
  readonly movedTo: string | null;
  readonly receipt: string | null;
  readonly seenAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
}
