/** More different values than this are no list any more. */
const MOST_FEW = 48;
const SLOTS = 128;
/** A value that is longer is no member of a list. */
const MOST_BYTES = 200;

export interface CountedValue {
  readonly bytes: Buffer;
  readonly rows: number;
}

/** Counts the different values of a column while they are few. */
export class FewValues {
  #low: Int32Array | null = new Int32Array(SLOTS);
  readonly #high = new Int32Array(SLOTS);
  readonly #values: Buffer[] = [];
  readonly #counts: number[] = [];
  /** By slot, the place in the lists plus one. */
  readonly #places = new Uint8Array(SLOTS);

  /** null: there are too many. */
  get values(): readonly CountedValue[] | null {
    if (this.#low === null) return null;
    return this.#values.map((bytes, at) => ({ bytes, rows: this.#counts[at]! }));
  }

  /** No list is wanted any more. @returns false */
  giveUp(): false {
    this.#low = null;
    return false;
  }

  /** @returns false once there are too many */
  add(low: number, high: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#low === null) return false;
    let at = (low ^ (low >>> 7) ^ (high >>> 3)) & (SLOTS - 1);
    for (;;) {
      const place = this.#places[at]!;
      if (place === 0) break;
      if (this.#low[at] === low && this.#high[at] === high) {
        this.#counts[place - 1]!++;
        return true;
      }
      at = (at + 1) & (SLOTS - 1);
    }
    if (this.#values.length === MOST_FEW || end - start > MOST_BYTES) {
      this.#low = null;
      return false;
    }
    this.#low[at] = low;
    this.#high[at] = high;
    this.#values.push(Buffer.from(bytes.subarray(start, end)));
    this.#counts.push(1);
    this.#places[at] = this.#values.length;
    return true;
  }
}
