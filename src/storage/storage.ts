import type { Readable } from 'node:stream';
import { LongshoreError } from '../errors.ts';
import type { FileTree } from './file-tree.ts';

/**
 * Where files live: uploads, the inbox, backups. Keys are relative, `/`-separated paths without `.` or `..`
 * segments (`confineStorageKey` is the one place that checks). Every call throws `storage-full` when there is no room.
 */
export interface Storage {
  /** Its folders, and what can be done with files that others put there. */
  readonly tree: FileTree;
  /** Bytes [startByte, endByte) of a file; fewer only where the file ends before. @throws `source-not-found` */
  read(key: string, startByte: number, endByte: number): Promise<Buffer>;
  /** The file from `startByte` on, to its end or to `endByte`, as a stream. */
  stream(key: string, startByte?: number, endByte?: number): Promise<Readable>;
  /** Nothing is visible under the key before `close`. */
  write(key: string): Promise<StorageWriter>;
  /** null when there is no such file. */
  stat(key: string): Promise<StoredFile | null>;
  /** Keys of the files under a prefix that ends in `/`, at every depth. */
  list(prefix: string): Promise<readonly string[]>;
  /** Deleting what does not exist is not an error. */
  delete(key: string): Promise<void>;
  /**
   * Clears away half-written files, older than this, of processes that died.
   * @returns false where the storage has to do that by itself
   */
  sweep(olderThanMs: number): Promise<boolean>;
}

export interface StoredFile {
  readonly bytes: number;
  readonly modifiedAt: string | null;
  /** Another one after every change: an object's ETag, or a file's time, which a folder has to the nanosecond. */
  readonly version: string | null;
}

export interface StorageWriter {
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
  /** Leaves nothing behind. */
  abort(): Promise<void>;
}

export function noSuchFile(key: string): LongshoreError {
  return new LongshoreError('source-not-found', `${key} does not exist in the storage`);
}
