import { createHash } from 'node:crypto';
import { LongshoreError } from '../errors.ts';
import type { Chunk, Dialect, Survey, Table } from '../types.ts';
import { type BlankRule, BlankTail, blankRuleOf } from './blank-tail.ts';
import { encodingOf } from './encoding.ts';
import { HEAD_BYTES, TextGuard } from './file-kind.ts';
import { parseRecord } from './parse-record.ts';
import { chunkBytesAt } from './plan-chunks.ts';
import { RecordScanner } from './scan.ts';
import type { RecordKind } from './scan-contract.ts';

export interface SurveyOptions {
  readonly dialect: Dialect;
  readonly encoding: string;
  /** Blank lines at the end are in no chunk; without a rule they are records as all others. */
  readonly blank?: BlankRule;
  /** Bytes that the chunk beginning at `position` aims for; default `chunkBytesAt`. */
  readonly chunkBytes?: (position: number) => number;
  /** Default `MAX_RECORD_BYTES`; tests make it small. */
  readonly maxRecordBytes?: number;
}

/** Of a file for this table. */
export function surveyOptionsOf(table: Table): SurveyOptions {
  return { dialect: table.dialect, encoding: table.encoding, blank: blankRuleOf(table) };
}

/** How much of an oversize record is read, to show where it begins. */
export const OVERSIZE_PREVIEW_BYTES = 64 * 1024;

/**
 * Finds a file's chunks while it streams by, once: feed it the pieces in order, then call `end`. A chunk ends with
 * the first record that reaches its aimed size, wherever the pieces were cut. Memory does not grow with the file.
 */
export class Surveyor {
  readonly #options: SurveyOptions;
  readonly #chunkBytes: (position: number) => number;
  readonly #scanner: RecordScanner;
  readonly #guard: TextGuard;
  readonly #hash = createHash('sha256');
  readonly #chunks: Chunk[] = [];
  /** The file's first bytes, until they are enough to tell what it is; then null. */
  #head: Buffer | null = Buffer.alloc(0);
  #bytes = 0;
  #header: readonly string[] | null = null;
  #awaitsHeader: boolean;
  #hasRecords = false;
  readonly #tail: BlankTail | null;
  #firstRecord = 0;

  /** The chunk being filled. */
  #startByte = 0;
  #firstLine = 1;
  #quotes = false;
  #strayQuotes = 0;
  /** The offset at which the chunk is large enough. */
  #aim = 0;

  constructor(options: SurveyOptions) {
    this.#options = options;
    this.#chunkBytes = options.chunkBytes ?? chunkBytesAt;
    this.#awaitsHeader = options.dialect.header;
    this.#guard = new TextGuard(options.encoding, encodingOf(options.encoding).utf8);
    this.#scanner = new RecordScanner(options, {
      record: (kind, start, end, next, line, quoted) => this.#record(kind, start, end, next, line, quoted),
      skipped: (next) => this.#passed(next),
    });
    this.#scanner.keepRecords = this.#awaitsHeader;
    this.#tail = options.blank === undefined ? null : new BlankTail(options.dialect, options.blank);
  }

  /**
   * Takes the next piece of the file, of any size; it may be reused afterwards.
   * @throws LongshoreError `encoding-mismatch` when it is no text, or in another encoding than it should be;
   *   `header-mismatch` when the header is too long, or holds a NUL character.
   */
  push(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    if (this.#head === null) {
      this.#scan(bytes);
      return;
    }
    this.#head = Buffer.concat([this.#head, bytes]);
    if (this.#head.length >= HEAD_BYTES) this.#begin(this.#head);
  }

  /**
   * Ends the file.
   * @throws LongshoreError the same for a short file; `file-empty` when it has no records (nothing, or only a header,
   *   comments and blank lines)
   */
  end(): Survey {
    if (this.#head !== null) this.#begin(this.#head);
    this.#scanner.end();
    const blankFrom = this.#tail?.end() ?? this.#bytes;
    if (!this.#hasRecords || this.#firstRecord >= blankFrom) {
      throw new LongshoreError(
        'file-empty',
        `Expected at least one record${this.#header === null ? '' : ' after the header'}, ` +
          `received none in ${this.#bytes} bytes`,
      );
    }
    this.#close(this.#bytes);
    return {
      bytes: this.#bytes,
      sha256: this.#hash.digest('hex'),
      header: this.#header,
      chunks: this.#chunks
        .filter(({ startByte }) => startByte < blankFrom)
        .map((chunk) => ({ ...chunk, endByte: Math.min(chunk.endByte, blankFrom) })),
    };
  }

  #begin(head: Buffer): void {
    this.#head = null;
    const markBytes = this.#guard.begin(head);
    this.#scanner.skipBytes(markBytes);
    this.#tail?.skipBytes(markBytes);
    this.#open(markBytes, 1);
    this.#scan(head.subarray(markBytes));
  }

  #scan(bytes: Uint8Array): void {
    this.#guard.pass(bytes);
    this.#scanner.push(bytes);
    this.#tail?.push(bytes);
    // Told at once: a file without line ends would be kept in memory for its header's sake, to its end.
    if (this.#awaitsHeader && this.#scanner.isOversize) this.#refuseHeader('is longer than a record may be');
  }

  #refuseHeader(why: string): never {
    throw new LongshoreError('header-mismatch', `the header ${why}`);
  }

  #record(kind: RecordKind, start: number, end: number, next: number, line: number, quoted: boolean): void {
    if (this.#awaitsHeader) {
      if (kind === 'comment') return;
      if (kind === 'oversize') this.#refuseHeader('is longer than a record may be');
      const bytes = this.#scanner.recordBytes(start, end);
      // It is kept in the ledger, where no text holds a NUL.
      if (bytes.includes(0)) this.#refuseHeader('holds a NUL character');
      this.#header = parseRecord(bytes, this.#options.dialect, this.#options.encoding);
      this.#awaitsHeader = false;
      this.#tail?.setColumns(this.#header.length);
      this.#scanner.keepRecords = false;
      this.#open(next, this.#scanner.line);
      return;
    }
    if (kind !== 'comment' && !this.#hasRecords) this.#firstRecord = start;
    if (kind === 'oversize') {
      this.#close(start);
      this.#hasRecords = true;
      this.#open(start, line);
      this.#quotes = quoted;
      this.#close(next, true);
      this.#open(next, this.#scanner.line);
      return;
    }
    if (kind !== 'comment') {
      // Skipping starts with the first record only: a skipped range may be nothing but comments.
      if (!this.#hasRecords) this.#scanner.skipTo = this.#aim;
      this.#hasRecords = true;
    }
    if (kind === 'stray') this.#strayQuotes++;
    if (quoted) this.#quotes = true;
    this.#passed(next);
  }

  /** The chunk reaches to `next` at least, which is a boundary. */
  #passed(next: number): void {
    if (next < this.#aim) return;
    this.#close(next);
    this.#open(next, this.#scanner.line);
  }

  #open(startByte: number, firstLine: number): void {
    this.#startByte = startByte;
    this.#firstLine = firstLine;
    this.#quotes = false;
    this.#strayQuotes = 0;
    this.#aim = startByte + Math.max(1, this.#chunkBytes(startByte));
    if (this.#hasRecords) this.#scanner.skipTo = this.#aim;
  }

  #close(endByte: number, oversize = false): void {
    if (endByte === this.#startByte) return;
    this.#chunks.push({
      no: this.#chunks.length,
      startByte: this.#startByte,
      endByte,
      firstLine: this.#firstLine,
      quotes: this.#quotes,
      strayQuotes: this.#strayQuotes,
      oversize,
    });
  }
}
