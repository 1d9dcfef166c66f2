import type { PlannedPart } from '../src/backups/plan-parts.ts';
import { activityQueue, FORMER_QUEUE } from '../src/installation/names.ts';

/** Names and shapes that the API and the workflows share. Pure: safe in workflow code. */

import type { Codec } from '../src/backups/backup.ts';
import type { RetentionPolicy } from '../src/backups/retention.ts';
import type { LedgerAges } from '../src/ledger-ages.ts';

/** Task queues before installations had IDs. What began there ends there; what begins now has the installation's. */
export const WORKFLOW_QUEUE = FORMER_QUEUE;
export const ACTIVITY_QUEUE = activityQueue(FORMER_QUEUE);

/** Type of the failure of what somebody without the platform's key has started or answered. */
export const PAYLOAD_REFUSED = 'payload-refused';

export const LOAD_CSV = 'loadCsv';

export interface LoadCsvInput {
  readonly loadId: number;
  /** Of the ledger's row; a row of this number with another one is another load. Absent in what began without. */
  readonly uid?: string;
  readonly table: string;
  readonly mode: 'append' | 'replace' | 'merge';
  /** Carried over continue-as-new: chunks below this number are done. */
  readonly nextChunk?: number;
  readonly paused?: boolean;
  /** Carried over continue-as-new: what the chunks so far counted. */
  readonly done?: ChunkCounts;
}

export interface ChunkCounts {
  readonly chunks: number;
  readonly bytes: number;
  readonly read: number;
  readonly rejected: number;
}

/** Signals without arguments. */
export const PAUSE = 'pause';
export const RESUME = 'resume';
/** Sent by the load that a queued one waits for, when it ends. */
export const TURN = 'turn';

export const COMMIT_BATCHES = 'commitBatches';

/** One group of batches for one table and mode. The workflow's ID is `<installation>-batches-<group>`. */
export interface CommitBatchesInput {
  /** A UUID (version 7); the batches are `<group>-0`, `<group>-1`, … */
  readonly group: string;
  readonly table: string;
  readonly mode: 'append' | 'merge';
  readonly batches: number;
  /** JSON of the `ReceivedBatch`es: as it is while it is small, else a key in the storage. */
  readonly payload: { readonly inline: string } | { readonly key: string };
}

/** Rows of the whole group. The outcome of each batch is in the ledger. */
export interface CommittedGroup {
  readonly sent: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly discarded: number;
}

export const BACK_UP = 'backUp';

/** The workflow's ID is `<installation>-backup-<id>`. */
export interface BackUpInput {
  readonly backupId: string;
  /** Carried by schedules: a run of a schedule makes its own backup, with an ID from its own start. */
  readonly tables: readonly string[];
  /** Carried over continue-as-new: each run is an attempt with a snapshot of its own. From 1. */
  readonly attempt?: number;
}

/** Sent by the activity that holds a backup's snapshot, when it has it. */
export const SNAPSHOT_HELD = 'snapshotHeld';

export interface HeldSnapshot {
  /** Of the backup: a signal of an attempt that is over means nothing. */
  readonly attempt: number;
  readonly snapshotId: string;
  readonly parts: readonly PlannedPart[];
}

/** Type of the failure that asks for another attempt with another snapshot; it never reaches users. */
export const SNAPSHOT_LOST = 'snapshot-lost';

export interface BackedUp {
  readonly backupId: string;
  readonly rows: number;
  readonly bytes: number;
}

export const RESTORE = 'restore';

/** Restores, dry runs and drills: `<installation>-restore-<id>-<part of the uid>` (or `…-drill-…`, `…-dry-run-…`). */
export interface RestoreInput {
  readonly restoreId: number;
  /** As `uid` of `LoadCsvInput`. */
  readonly uid?: string;
}

/** What a restore, a dry run or a drill did. */
export interface Restored {
  readonly restoreId: number;
  readonly rows: number;
}

export const RUN_SCHEDULE = 'runSchedule';

/** What the action of a Temporal Schedule carries. The workflow's ID is
 * `<installation>-schedule-<id>-<time>`; Temporal adds the time. */
export interface RunScheduleInput {
  readonly scheduleId: string;
  readonly kind: 'backup' | 'drill';
  /** IANA name: retention counts days, weeks and months of this zone. */
  readonly timezone: string;
  /** null: all tables, whichever there are by then. */
  readonly tables: readonly string[] | null;
  /** null: the platform's default. */
  readonly codec: Codec | null;
  /** null: encrypted where the platform has a backup key. */
  readonly encrypt: boolean | null;
  /** null: every backup stays. */
  readonly retention: RetentionPolicy | null;
  /** Prove the backup good right after it was made. */
  readonly drill: boolean;
}

/** What a run of a schedule did. */
export interface RanSchedule {
  /** null: the schedule makes no backups. */
  readonly backupId: string | null;
  /** Backups that were proved good. */
  readonly proved: readonly string[];
  /** Backups that retention removed. */
  readonly removed: readonly string[];
}

export const REFRESH_REPORT = 'refreshReport';

/**
 * Refreshes one report's view, as often as it is asked to while it runs, but not more often than `everyMs`. Its
 * workflow ID is `<installation>-refresh-<name>`, so that never two of one view run.
 */
export interface RefreshReportInput {
  readonly name: string;
  readonly everyMs: number;
  /** When the last refresh began, over continue-as-new; ms since the epoch. */
  readonly lastAtMs?: number;
  /** What was asked for by signals, over continue-as-new. */
  readonly asked?: RefreshAsk;
}

export type RefreshAsk = 'written' | 'refresh';

/** Signal without arguments: something was written to the report's tables. */
export const WRITTEN = 'written';
/** Signal without arguments: refresh, also when the ledger knows of nothing new. */
export const REFRESH = 'refresh';

/** What the runs of `refreshReport` did. */
export interface RefreshedReport {
  /** Of the view; null: the report has been removed. */
  readonly version: number | null;
}

export const REFRESH_ON_SCHEDULE = 'refreshOnSchedule';

/**
 * What the Temporal Schedule `<installation>-report-<name>` runs. It asks `<installation>-refresh-<name>` for a refresh when there is something new,
 * so that all refreshes of a view go through one workflow.
 */
export interface RefreshOnScheduleInput {
  readonly name: string;
}

/** What a run of the schedule found. */
export interface AskedRefresh {
  /** false: nothing has changed. */
  readonly asked: boolean;
}

export const TIDY_LEDGER = 'tidyLedger';

/** What the Temporal Schedule `<installation>-tidy-ledger` runs: deletes entries of the ledger that are old. */
export type TidyLedgerInput = LedgerAges;

/** What a run has deleted. */
export interface TidiedLedger {
  readonly rejects: number;
  readonly loads: number;
  readonly batches: number;
  readonly restores: number;
  readonly backups: number;
  readonly audit: number;
}
