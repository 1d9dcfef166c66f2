/** A stretch of a stream, held back because it may be needed again. Grows by doubling, so appending stays linear. */
export class KeptBytes {
  #buffer = Buffer.alloc(0);
  #start = 0;
  #length = 0;

  /** Starts over with a copy of `bytes`, the first of which is at `start` in the stream. */
  reset(start: number, bytes: Uint8Array): void {
    this.clear();
    this.#start = start;
    this.append(bytes);
  }

  append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.#buffer.length));
      this.#buffer.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
  }

  clear(): void {
    this.#buffer = Buffer.alloc(0);
    this.#length = 0;
  }

  /** The kept bytes from stream offset `start` (to `end`), as a view that lives until the next change. */
  from(start: number, end = this.#start + this.#length): Buffer {
    const stop = Math.min(this.#length, end - this.#start);
    return this.#buffer.subarray(start - this.#start, Math.max(start - this.#start, stop));
  }
}
