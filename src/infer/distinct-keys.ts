/** The most that all sets of one inference hold together: some 190 MiB. */
const MOST_SLOTS = 24 * 1024 * 1024;

/** What sets may still take, shared by all of one inference. */
export interface SlotBudget {
  slots: number;
}

export function slotBudget(slots = MOST_SLOTS): SlotBudget {
  return { slots };
}

const FIRST_SLOTS = 1024;

/**
 * A set of 64-bit hashes in bounded memory. When the budget does not allow for growth, it goes on with those of the
 * hashes whose lowest bits are zero: a sample by value, in which whatever occurs twice does so in all of its rows.
 */
export class DistinctKeys {
  #low = new Int32Array(FIRST_SLOTS);
  #high = new Int32Array(FIRST_SLOTS);
  #used = 0;
  /** Hashes with one of these bits are not looked at. */
  #skipped = 0;
  readonly #budget: SlotBudget;

  constructor(budget: SlotBudget) {
    this.#budget = budget;
    budget.slots -= FIRST_SLOTS;
  }

  /** The share of values that is looked at: 1 is every one. */
  get share(): number {
    return 1 / (this.#skipped + 1);
  }

  get size(): number {
    return this.#used;
  }

  /** @returns false when it was there already */
  add(low: number, high: number): boolean {
    if ((low & this.#skipped) !== 0) return true;
    const at = this.#find(low, high | 1);
    if (this.#high[at] !== 0) return false;
    this.#low[at] = low;
    this.#high[at] = high | 1;
    if (++this.#used * 2 > this.#low.length) this.#grow();
    return true;
  }

  /** Only for one whose `share` is 1, or whose value is in the sample. */
  has(low: number, high: number): boolean {
    return this.#high[this.#find(low, high | 1)] !== 0;
  }

  isLookedAt(low: number): boolean {
    return (low & this.#skipped) === 0;
  }

  /** Gives the memory back; the set must not be used any more. */
  release(): void {
    this.#budget.slots += this.#low.length;
    this.#low = new Int32Array(0);
    this.#high = new Int32Array(0);
  }

  /** A slot is free where its high half is 0: the lowest bit of each that is taken is set. */
  #find(low: number, high: number): number {
    const mask = this.#low.length - 1;
    let at = (low ^ (low >>> 15) ^ Math.imul(high, 0x9e3779b1)) & mask;
    while (this.#high[at] !== 0 && (this.#high[at] !== high || this.#low[at] !== low)) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const { length } = this.#low;
    const [low, high] = [this.#low, this.#high];
    if (this.#budget.slots >= length) {
      this.#budget.slots -= length;
      this.#low = new Int32Array(2 * length);
      this.#high = new Int32Array(2 * length);
    } else {
      this.#skipped = this.#skipped * 2 + 1;
      this.#low = new Int32Array(length);
      this.#high = new Int32Array(length);
    }
    this.#used = 0;
    for (let i = 0; i < length; i++) {
      if (high[i] === 0 || (low[i]! & this.#skipped) !== 0) continue;
      const at = this.#find(low[i]!, high[i]!);
      this.#low[at] = low[i]!;
      this.#high[at] = high[i]!;
      this.#used++;
    }
  }
}
