import type { CellError } from '../types.ts';
import { copyRow } from './copy-text.ts';

/** A row that broke a rule. */
export interface EncodedReject {
  readonly line: number;
  /** The record's bytes as they stand in the file, without the line end: a view into the chunk's bytes. */
  readonly raw: Buffer;
  readonly errors: readonly CellError[];
}

/** COPY's formats: a line a row, or (without the file's header and trailer) a tuple a row. */
export type CopyFormat = 'text' | 'binary';

/** What encoding gives out, piece by piece. A `copy` buffer is whole rows and is never used again. */
export type EncodedPiece =
  | { readonly kind: CopyFormat; readonly copy: Buffer }
  | { readonly kind: 'rejects'; readonly rejects: readonly EncodedReject[] };

export interface EncodeTotals {
  rowsRead: number;
  rowsGood: number;
  rowsRejected: number;
}

/** Large enough for a stream's cost per write not to show, small enough to wait in some number. */
const COPY_PIECE_BYTES = 128 * 1024;
const MAX_REJECTS = 1000;
const MAX_REJECT_BYTES = 1024 * 1024;

/** A piece that is being filled, and how far; the fast path writes to it directly. */
export class OpenPiece {
  buffer = Buffer.allocUnsafeSlow(COPY_PIECE_BYTES);
  /** Of `buffer`, to be written several bytes at a time. */
  view = viewOf(this.buffer);
  length = 0;

  get room(): number {
    return this.buffer.length - this.length;
  }

  /** The piece as it is; another begins. */
  take(): Buffer {
    const taken = this.buffer.subarray(0, this.length);
    this.buffer = Buffer.allocUnsafeSlow(COPY_PIECE_BYTES);
    this.view = viewOf(this.buffer);
    this.length = 0;
    return taken;
  }
}

/** Gathers encoded rows into pieces. */
export class EncodedPieces {
  readonly totals: EncodeTotals = { rowsRead: 0, rowsGood: 0, rowsRejected: 0 };
  readonly open: Readonly<Record<CopyFormat, OpenPiece>> = { text: new OpenPiece(), binary: new OpenPiece() };

  #ready: EncodedPiece[] = [];
  #rejects: EncodedReject[] = [];
  #rejectBytes = 0;

  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** A row of checked values, always as text. */
  addRow(line: number, values: readonly (string | null)[]): void {
    const row = copyRow(line, values);
    const { text } = this.open;
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    if (row.length * 3 > text.room) this.flushCopy('text');
    if (row.length * 3 > text.room) {
      this.#ready.push({ kind: 'text', copy: Buffer.from(row) });
    } else {
      text.length += text.buffer.write(row, text.length);
    }
    this.totals.rowsRead++;
    this.totals.rowsGood++;
  }

  addReject(reject: EncodedReject): void {
    this.#rejects.push(reject);
    this.#rejectBytes += reject.raw.length;
    this.totals.rowsRead++;
    this.totals.rowsRejected++;
    if (this.#rejects.length >= MAX_REJECTS || this.#rejectBytes >= MAX_REJECT_BYTES) this.#flushRejects();
  }

  /** Ends the piece being filled. */
  flushCopy(format: CopyFormat): void {
    const open = this.open[format];
    if (open.length > 0) this.#ready.push({ kind: format, copy: open.take() });
  }

  /** The finished pieces; each is handed out once. */
  takeReady(): readonly EncodedPiece[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  /** Everything that is left. */
  takeAll(): readonly EncodedPiece[] {
    this.flushCopy('binary');
    this.flushCopy('text');
    this.#flushRejects();
    return this.takeReady();
  }

  #flushRejects(): void {
    if (this.#rejects.length === 0) return;
    this.#ready.push({ kind: 'rejects', rejects: this.#rejects });
    this.#rejects = [];
    this.#rejectBytes = 0;
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}
