import type { Codec } from '../avro/codec.ts';
import type { JobView } from '../jobs/job.ts';
import type { Table } from '../types.ts';
import type { Doubt } from './doubts.ts';

export type BackupPurpose = 'manual' | 'schedule' | 'safety';
/** unverified: it is in the storage, but neither ledger nor key vouches for it; see `src/backups/judge-manifest.ts`. */
export type BackupStatus = 'running' | 'done' | 'failed' | 'cancelled' | 'deleted' | 'unverified';

/** Every file of a backup is under `backups/<id>/` in the storage. */
export const MANIFEST = 'manifest.json';

/**
 * What `manifest.json` holds: written last, it makes the backup exist. Its own SHA-256 is in the ledger and in
 * `manifest.json.sha256` beside it, so that a manifest that was changed by accident is found with or without the
 * ledger; one that was changed on purpose is found by its MAC, where there is a backup key.
 */
export interface Manifest {
  readonly format: 1;
  readonly id: string;
  /** UUID of the ledger that wrote it, to recognize backups of other installations. Absent in older ones. */
  readonly origin?: string;
  readonly purpose: BackupPurpose;
  readonly scheduleId: string | null;
  /** When the snapshot was taken: every table is as it was at this moment (RFC 3339, UTC). */
  readonly snapshotAt: string;
  readonly dictionary: { readonly name: string; readonly version: string };
  readonly codec: Codec;
  /** null: not encrypted. `keyId`: the first 16 hex digits of the SHA-256 of the key. */
  readonly encryption: { readonly cipher: 'AES-256-GCM'; readonly keyId: string } | null;
  /**
   * The newest group of batches when the manifest was written, so no older than any whose rows are in the backup; null
   * when there was none. Absent in older manifests.
   */
  readonly lastGroupId?: number | null;
  readonly tables: readonly ManifestTable[];
  /** MAC of all the bytes before its value; see `src/backups/manifest-mac.ts`. Absent where there was no backup key. */
  readonly mac?: { readonly algorithm: 'HMAC-SHA-256'; readonly keyId: string; readonly value: string };
}

export interface ManifestTable {
  readonly table: string;
  /** The table as the dictionary described it. */
  readonly definition: Table;
  readonly rows: number;
  /** Checksum of all rows in any order; see `src/avro/checksum.ts`. Hex. */
  readonly checksum: string;
  /** The newest load that was done in the snapshot; null when there was none. */
  readonly lastLoadId: number | null;
  readonly parts: readonly Part[];
}

/** One Avro object container file. */
export interface Part {
  /**
   * File name below the backup's folder: `<table>-<no>.<tag>.avro`, with `.enc` behind it when encrypted. The tag is
   * new at every try, so that a worker that was believed dead never overwrites a part that counts.
   */
  readonly name: string;
  readonly rows: number;
  /** Of the file as it is stored. */
  readonly bytes: number;
  /** Of the file as it is stored, hex. */
  readonly sha256: string;
  readonly checksum: string;
}

/** A backup as users see it. */
export interface BackupView extends JobView {
  readonly id: string;
  readonly purpose: BackupPurpose;
  readonly scheduleId: string | null;
  readonly status: BackupStatus;
  readonly pinned: boolean;
  readonly codec: Codec;
  readonly encrypted: boolean;
  /** ID of the backup key that it was made with; null: with none. */
  readonly keyId: string | null;
  readonly dictionaryVersion: string;
  readonly snapshotAt: string | null;
  /** In the order in which references allow them to be restored. */
  readonly tables: readonly BackupTableView[];
  /** Parts stored so far, and their final number, which is null until the snapshot is taken. */
  readonly parts: number;
  readonly partsTotal: number | null;
  /** Rows of the parts so far; null until there is one, and when the backup failed or was cancelled. */
  readonly rows: number | null;
  /** As stored. */
  readonly bytes: number | null;
  /** Reasons why an unverified backup is not trusted. */
  readonly unverified: readonly Doubt[] | null;
  /** Parts of the tables that it leaves out, in words. */
  readonly warnings: readonly string[];
  /** When a drill last proved the backup good. */
  readonly lastVerifiedAt: string | null;
  /** What the last drill found. */
  readonly verification: Verification | null;
}

/** A backup as lists show it: of the same size whatever it holds. */
export interface BackupSummary extends Omit<BackupView, 'tables' | 'verification'> {
  /** The first of its tables. */
  readonly tables: readonly Pick<BackupTableView, 'table'>[];
  /** Number of all its tables. */
  readonly tablesTotal: number;
  readonly verification: Omit<Verification, 'tables'> | null;
}

export interface BackupTableView {
  readonly table: string;
  /** null until the backup is done. */
  readonly rows: number | null;
  readonly parts: readonly Part[];
}

export interface Verification {
  readonly ok: boolean;
  readonly at: string;
  readonly seconds: number;
  readonly restoreId: number;
  readonly tables: readonly {
    readonly table: string;
    readonly rows: number;
    readonly checksum: string;
    readonly matches: boolean;
  }[];
  /** What is wrong: file and fault. Empty when the backup is good. */
  readonly faults: readonly string[];
  /**
   * Why the dictionary of that moment would refuse to restore it, in words; empty: it fits. Absent: an earlier version
   * ran the drill, or the backup is damaged.
   */
  readonly misfits?: readonly string[];
  /** Parts of the database that no backup holds, in words. */
  readonly warnings?: readonly string[];
}
