import type { Dialect } from '../types.ts';

/** A record longer than this is not read whole; it is also the furthest that a quoted cell is followed. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;

/** `comment` is no record, but ends where one could begin. */
export type RecordKind = 'record' | 'stray' | 'oversize' | 'comment';

export interface ScanSink {
  /**
   * A record of bytes [start, end) was found, the next one begins at `next` and on the scanner's current `line`.
   * `line` is the record's first; `quoted` says that [start, next) holds a quote character, wherever.
   */
  record(kind: RecordKind, start: number, end: number, next: number, line: number, quoted: boolean): void;
  /** Quote-free records (or comments) up to `next` were passed over, see `skipTo`. */
  skipped(next: number): void;
}

export interface ScanOptions {
  readonly dialect: Dialect;
  readonly encoding: string;
  /** Default `MAX_RECORD_BYTES`; tests make it small. */
  readonly maxRecordBytes?: number;
  /** The line of the first byte that will be pushed; default 1. */
  readonly firstLine?: number;
}
