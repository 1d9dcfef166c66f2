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
  /** Both halves of a hash beside each other: a look at a slot is one miss of the processor's cache, not two. */
  #slots = new Int32Array(2 * FIRST_SLOTS);
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
    const slots = this.#slots;
    if (slots[at + 1] !== 0) return false;
    slots[at] = low;
    slots[at + 1] = high | 1;
    if (++this.#used * 4 > slots.length) this.#grow();
    return true;
  }

  /** Only for one whose `share` is 1, or whose value is in the sample. */
  has(low: number, high: number): boolean {
    return this.#slots[this.#find(low, high | 1) + 1] !== 0;
  }

  isLookedAt(low: number): boolean {
    return (low & this.#skipped) === 0;
  }

  /** Gives the memory back; the set must not be used any more. */
  release(): void {
    this.#budget.slots += this.#slots.length / 2;
    this.#slots = new Int32Array(0);
  }

  /** A slot is free where its high half is 0: the lowest bit of each that is taken is set. */
  #find(low: number, high: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = ((low ^ (low >>> 15) ^ Math.imul(high, 0x9e3779b1)) << 1) & mask;
    for (;;) {
      const there = slots[at + 1]!;
      if (there === 0 || (there === high && slots[at] === low)) return at;
      at = (at + 2) & mask;
    }
  }

  #grow(): void {
    const before = this.#slots;
    const count = before.length / 2;
    if (this.#budget.slots >= count) {
      this.#budget.slots -= count;
      this.#slots = new Int32Array(2 * before.length);
    } else {
      this.#skipped = this.#skipped * 2 + 1;
      this.#slots = new Int32Array(before.length);
    }
    this.#used = 0;
    const slots = this.#slots;
    for (let i = 0; i < before.length; i += 2) {
      const [low, high] = [before[i]!, before[i + 1]!];
      if (high === 0 || (low & this.#skipped) !== 0) continue;
      const at = this.#find(low, high);
      slots[at] = low;
      slots[at + 1] = high;
      this.#used++;
    }
  }
}
