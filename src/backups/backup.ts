import type { Codec } from '../avro/codec.ts';
import type { JobView } from '../jobs/job.ts';
import type { Table } from '../types.ts';
import type { Doubt } from './doubts.ts';

export type BackupPurpose = 'manual' | 'schedule' | 'safety';
/** unverified: it is in the storage, and nothing but a person's word can vouch for it; see `src/backups/judge-manifest.ts`. */
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
   * At least the newest group of batches whose rows are in the backup: the newest of all when the manifest was
   * written; null when there was none. Absent in manifests of before.
   */
  readonly lastGroupId?: number | null;
  readonly tables: readonly ManifestTable[];
  /** Of all the bytes before its value; see `src/backups/manifest-mac.ts`. Absent where there was no backup key. */
  readonly mac?: { readonly algorithm: 'HMAC-SHA-256'; readonly keyId: string; readonly value: string };
}

export interface ManifestTable {
  readonly table: string;
  /** The table as the dictionary described it. */
  readonly definition: Table;
  readonly rows: number;
  /** Of all rows in any order; see `src/avro/checksum.ts`. Hex. */
  readonly checksum: string;
  /** The newest load that was done, by the snapshot; null when there was none. */
  readonly lastLoadId: number | null;
  readonly parts: readonly Part[];
}

/** One Avro object container file. */
export interface Part {
  /**
   * File name below the backup's folder: `<table>-<no>.<tag>.avro`, with `.enc` behind it when encrypted. The tag is
   * another one at every try, so that a worker that was believed dead never writes over what counts.
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
  /** Parts that are stored, and how many it will be; null until the snapshot is taken. */
  readonly parts: number;
  readonly partsTotal: number | null;
  /** Of the parts so far; null until there is one, and when the backup did not become one. */
  readonly rows: number | null;
  /** As stored. */
  readonly bytes: number | null;
  /** Of an unverified one: why it is not believed. */
  readonly unverified: readonly Doubt[] | null;
  /** What it leaves out although the tables have it, in words. */
  readonly warnings: readonly string[];
  /** When a drill last proved the backup good. */
  readonly lastVerifiedAt: string | null;
  /** What the last drill found. */
  readonly verification: Verification | null;
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
   * Why the dictionary of that moment would refuse to restore it, in words; empty: it fits. Absent: the drill was of an
   * earlier version, or the backup is damaged.
   */
  readonly misfits?: readonly string[];
  /** What no backup holds although the database has it, in words. */
  readonly warnings?: readonly string[];
}
