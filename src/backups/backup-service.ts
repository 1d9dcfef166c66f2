import type { Readable } from 'node:stream';
import type { Codec } from '../avro/codec.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { AdoptedByHand, AdoptRequest } from './adopt-by-hand.ts';
import type { BackupSummary, BackupView } from './backup.ts';
import type { BackupFilter } from './backups.ts';

/**
 * The backups as the API sees them. Every call may throw a `LongshoreError`, which becomes the problem of the answer;
 * those that take an ID throw `unknown-backup`.
 */
export interface BackupService extends Jobs<BackupView> {
  /** @throws `unknown-table`, and `backup-key-missing` when it shall be encrypted and there is no key */
  start(request: StartBackup): Promise<BackupView>;

  /** Newest first. */
  list(filter: BackupFilter): Promise<readonly BackupSummary[]>;

  /** @throws `backup-state` */
  setPinned(id: string, pinned: boolean): Promise<BackupView>;

  /** Deletes its files; the ledger keeps its row. @throws `backup-state` as `deleteBackup` does */
  remove(id: string, options: { readonly force: boolean }): Promise<BackupView>;

  /** Adopts unverified backups on a person's word; see `adoptByHand`. */
  adopt(request: AdoptRequest): Promise<AdoptedByHand>;

  /** A file of a backup that is done. @throws `not-found`, `backup-state`, and `backup-damaged` when it is gone */
  file(id: string, name: string): Promise<BackupFile>;
}

export interface StartBackup {
  /** null: every table of the dictionary. */
  readonly tables: readonly string[] | null;
  /** Absent: the default codec. */
  readonly codec?: Codec;
  /** Absent: encrypt when there is a backup key. */
  readonly encrypt?: boolean;
  readonly pinned: boolean;
  /** ID of the API key of the request. */
  readonly startedBy: string;
}

export interface BackupFile {
  readonly name: string;
  readonly bytes: number;
  /** hex */
  readonly sha256: string;
  /** Bytes [startByte, endByte). */
  open(startByte: number, endByte: number): Promise<Readable>;
}
