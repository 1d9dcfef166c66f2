import { LongshoreError } from '../errors.ts';

/**
 * PostgreSQL's "COPY, Binary Format": a signature, flags and an extension; then tuples, each a field count (int16) and
 * the fields, each a length (int32, -1 for null) and so many bytes; at the end a field count of -1. Big-endian.
 */
export const COPY_SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** The signature, no flags, no extension. */
export const COPY_HEADER = Buffer.concat([COPY_SIGNATURE, Buffer.alloc(8)]);
export const COPY_TRAILER = Buffer.of(0xff, 0xff);

const INPUT_BYTES = 256 * 1024;
/** The lowest flag that a reader must understand; bit 16 says that tuples begin with an OID. */
const CRITICAL_FLAGS = 0xffff0000;

/** No whole tuple is there yet; or the end of the copy. */
export const INCOMPLETE = -1;
export const TRAILER = -2;

/** Bytes of a copy that have come and were not read yet, in one buffer that is used again and again. */
export class CopyInput {
  bytes = Buffer.allocUnsafeSlow(INPUT_BYTES);
  view = viewOf(this.bytes);
  /** What was not read yet: [start, end). */
  start = 0;
  end = 0;
  #headerRead = false;

  /** Takes a copy of the piece. `start` moves. */
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
   * The offset behind the tuple at `start`, or `INCOMPLETE`, or `TRAILER`. Reads the header first.
   * @throws LongshoreError `internal` for what is no binary copy of so many columns
   */
  nextTuple(columns: number): number {
    if (!this.#headerRead && !this.#readHeader()) return INCOMPLETE;
    const { view, start, end } = this;
    if (start + 2 > end) return INCOMPLETE;
    const count = view.getInt16(start);
    if (count === -1) return TRAILER;
    if (count !== columns) throw notCopy(`a row of ${count} columns instead of ${columns}`);
    let at = start + 2;
    for (let column = 0; column < columns; column++) {
      if (at + 4 > end) return INCOMPLETE;
      const length = view.getInt32(at);
      at += length > 0 ? length + 4 : 4;
    }
    return at <= end ? at : INCOMPLETE;
  }

  #readHeader(): boolean {
    const { bytes, view, start, end } = this;
    if (end - start < COPY_HEADER.length) return false;
    const flagsAt = start + COPY_SIGNATURE.length;
    if (!bytes.subarray(start, flagsAt).equals(COPY_SIGNATURE)) throw notCopy('no signature');
    if ((view.getUint32(flagsAt) & CRITICAL_FLAGS) !== 0) throw notCopy('unknown flags');
    const headerEnd = flagsAt + 8 + view.getUint32(flagsAt + 4);
    if (headerEnd > end) return false;
    this.start = headerEnd;
    this.#headerRead = true;
    return true;
  }
}

/** Pushes the pieces of a copy; each time it yields there is something to read. Ends when the trailer has come. */
export async function* feed(copy: AsyncIterable<Buffer>, input: CopyInput): AsyncGenerator<void, void> {
  for await (const piece of copy) {
    for (let at = 0; at < piece.length; at += INPUT_BYTES) {
      input.push(piece.subarray(at, at + INPUT_BYTES));
      yield;
    }
  }
}

/** @throws LongshoreError `internal` where the copy ended without its trailer, or goes on behind it */
export function checkEnd(input: CopyInput, columns: number): void {
  if (input.nextTuple(columns) !== TRAILER) throw notCopy('it ended before its trailer');
  if (input.end !== input.start + COPY_TRAILER.length) throw notCopy('something stands behind its trailer');
}

export function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

function notCopy(what: string): LongshoreError {
  return new LongshoreError(
    'internal',
    `what PostgreSQL sent is not the binary copy that was asked for: ${what}`,
  );
}
