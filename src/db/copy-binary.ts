import { LongshoreError } from '../errors.ts';

/**
 * PostgreSQL's "COPY, Binary Format": a signature, flags and an extension; then tuples, each a field count (int16) and
 * the fields, each a length (int32, -1 for null) and so many bytes; at the end a field count of -1. Big-endian.
 */
const COPY_SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** The signature, no flags, no extension. */
export const COPY_HEADER = Buffer.concat([COPY_SIGNATURE, Buffer.alloc(8)]);
export const COPY_TRAILER = Buffer.of(0xff, 0xff);

/** The lowest flag that a reader must understand; bit 16 says that tuples begin with an OID. */
const CRITICAL_FLAGS = 0xffff0000;

/** What is not read yet grows beyond this only for the longest row. */
const INPUT_BYTES = 512 * 1024;

/** A source of tuples. The reader calls `more` when `input` has none left. */
export interface TupleSource {
  readonly input: CopyInput;
  /** Waits until there is more in `input`. False: that was all. */
  more(): Promise<boolean>;
  /** For who stops reading, at the end or before it. */
  close(): Promise<void>;
}

/** Bytes of a copy that have come and were not read yet, in one buffer that is used again and again. */
export class CopyInput {
  bytes = Buffer.allocUnsafeSlow(INPUT_BYTES);
  view = viewOf(this.bytes);
  /** What was not read yet: [start, end). */
  start = 0;
  end = 0;
  /** The tuple that `nextTuple` found, until the next call of it or of `push`. */
  tupleStart = 0;
  tupleEnd = 0;
  /** The trailer was read. */
  ended = false;
  #headerRead = false;

  /** Takes a copy of the piece. The offsets move. */
  push(piece: Uint8Array): void {
    if (this.end + piece.length > this.bytes.length) this.#makeRoom(piece.length);
    this.bytes.set(piece, this.end);
    this.end += piece.length;
  }

  #makeRoom(needed: number): void {
    const held = this.end - this.start;
    if (held + needed <= this.bytes.length) this.bytes.copyWithin(0, this.start, this.end);
    else {
      const larger = Buffer.allocUnsafeSlow(Math.max(held + needed, 2 * this.bytes.length));
      this.bytes.copy(larger, 0, this.start, this.end);
      this.bytes = larger;
      this.view = viewOf(larger);
    }
    this.start = 0;
    this.end = held;
  }

  /**
   * Reads the next tuple; false where none is whole yet, and behind the trailer. Its field count is right; its fields
   * end where it ends, or else the reader of the fields has to notice.
   * @throws LongshoreError `internal` for what is no binary copy of so many columns
   */
  nextTuple(columns: number): boolean {
    if (this.ended) return false;
    const { view, end } = this;
    if (!this.#headerRead) {
      const behind = this.readHeader(this.start, end);
      if (behind < 0) return false;
      this.start = behind;
    }
    const { start } = this;
    if (start + 2 > end) return false;
    if (this.isTrailer(start, columns)) {
      this.start = start + COPY_TRAILER.length;
      return false;
    }
    let at = start + 2;
    for (let column = 0; column < columns; column++) {
      if (at + 4 > end) return false;
      const length = view.getInt32(at);
      at += length > 0 ? length + 4 : 4;
    }
    if (at > end) return false;
    this.tupleStart = start;
    this.tupleEnd = at;
    this.start = at;
    return true;
  }

  /** The offset behind the header that begins at `start`, or -1 where it does not end before `end`. */
  protected readHeader(start: number, end: number): number {
    if (this.#headerRead) return start;
    const { bytes, view } = this;
    if (end - start < COPY_HEADER.length) return -1;
    const flagsAt = start + COPY_SIGNATURE.length;
    if (!bytes.subarray(start, flagsAt).equals(COPY_SIGNATURE)) throw notCopy('no signature');
    if ((view.getUint32(flagsAt) & CRITICAL_FLAGS) !== 0) throw notCopy('unknown flags');
    const headerEnd = flagsAt + 8 + view.getUint32(flagsAt + 4);
    if (headerEnd > end) return -1;
    this.#headerRead = true;
    return headerEnd;
  }

  /** Whether the field count at `at` is the trailer, or else that of the columns. */
  protected isTrailer(at: number, columns: number): boolean {
    const count = this.view.getInt16(at);
    if (count === -1) this.ended = true;
    else if (count !== columns) throw notCopy(`a row of ${count} columns instead of ${columns}`);
    return this.ended;
  }
}

/** The tuples of a copy in pieces of any size. A piece's memory may be reused as soon as the next one is requested. */
export function tuplesOf(copy: AsyncIterable<Buffer>): TupleSource {
  const pieces = copy[Symbol.asyncIterator]();
  const input = new CopyInput();
  let piece: Buffer = Buffer.alloc(0);
  let taken = 0;
  return {
    input,
    async more() {
      while (taken === piece.length) {
        const { done, value } = await pieces.next();
        if (done) return false;
        piece = value;
        taken = 0;
      }
      const some = piece.subarray(taken, taken + INPUT_BYTES);
      input.push(some);
      taken += some.length;
      return true;
    },
    async close() {
      await pieces.return?.();
    },
  };
}

/** @throws LongshoreError `internal` where the copy ended without its trailer, or goes on behind it */
export function checkEnd(input: CopyInput): void {
  if (!input.ended) throw notCopy('it ended before its trailer');
  if (input.end !== input.start) throw notCopy('something stands behind its trailer');
}

export function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

export function notCopy(what: string): LongshoreError {
  return new LongshoreError('internal', `PostgreSQL did not send the requested binary COPY: ${what}`);
}
