import { damaged } from './damaged.ts';
import { MAX_VARINT_BYTES } from './varint.ts';

const NOTHING = Buffer.alloc(0);

/** Reads a stream of pieces by the byte. It holds at most the requested bytes and one piece. */
export class ByteReader {
  /** Of the next byte, from the begin of the file. */
  offset = 0;
  readonly #pieces: AsyncIterator<Buffer>;
  #piece: Buffer = NOTHING;

  constructor(file: AsyncIterable<Buffer>) {
    this.#pieces = file[Symbol.asyncIterator]();
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#piece.length === 0) {
      const next = await this.#pieces.next();
      if (next.done) return true;
      this.#piece = next.value;
    }
    return false;
  }

  /**
   * The next so many bytes. Memory is taken as they come, so that a wrong length takes no more than the file has.
   * @param what they are, for the error
   * @throws LongshoreError `backup-damaged` where the file ends before
   */
  async read(length: number, what: string): Promise<Buffer> {
    const start = this.offset;
    const bytes = await this.readUpTo(length);
    if (bytes.length < length) throw damaged(`the file ends within ${what}`, start);
    return bytes;
  }

  /** The next so many bytes, or as many as the file has left. */
  async readUpTo(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = length; left > 0 && !(await this.isAtEnd()); ) {
      const part = this.#piece.subarray(0, left);
      this.#piece = this.#piece.subarray(part.length);
      this.offset += part.length;
      left -= part.length;
      parts.push(part);
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  /**
   * A long that is no longer than a double's 53 bits can hold.
   * @throws LongshoreError `backup-damaged`
   */
  async readLong(what: string): Promise<number> {
    const start = this.offset;
    let zigzag = 0n;
    for (let count = 0; count < MAX_VARINT_BYTES; count++) {
      const byte = (await this.read(1, what))[0]!;
      zigzag |= BigInt(byte & 0x7f) << BigInt(7 * count);
      if (byte >= 0x80) continue;
      const value = Number((zigzag >> 1n) ^ -(zigzag & 1n));
      if (!Number.isSafeInteger(value)) break;
      return value;
    }
    throw damaged(`${what} is no sensible number`, start);
  }

  /** Lets go of the stream, read to its end or not. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}
