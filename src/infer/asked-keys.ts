import type { LookUpKeys } from './contract.ts';
import { DistinctKeys, type SlotBudget } from './distinct-keys.ts';

/** Keys of one question, and their bytes together. */
const MOST_AT_ONCE = 5_000;
const MOST_BYTES_AT_ONCE = 512 * 1024;
/** Longer texts can be no keys: PostgreSQL's indexes do not take them. */
const MOST_KEY_BYTES = 2_600;
/** Once so many were compared, one that is not there settles it. */
const ENOUGH = 10_000;
const EXAMPLES = 3;

/**
 * The different keys of a column, as far as the table that is there was asked for them. Beyond what the budget allows it
 * goes on with a sample by value, so that both memory and the number of questions stay bounded.
 */
export class AskedKeys {
  compared = 0;
  outside = 0;
  readonly examples: string[] = [];
  /** Why the table could not be asked. */
  unknown: string | null = null;
  readonly #seen: DistinctKeys;
  #waiting: (readonly string[])[] = [];

  constructor(budget: SlotBudget) {
    this.#seen = new DistinctKeys(budget);
  }

  get isSample(): boolean {
    return this.#seen.share < 1;
  }

  /** Whether more keys would change nothing. */
  get isSettled(): boolean {
    return this.unknown !== null || (this.outside > 0 && this.compared >= ENOUGH);
  }

  /** @param low with `high` the hash of the key's cells, whose texts `read` gives */
  add(low: number, high: number, read: () => readonly string[]): void {
    if (this.isSettled || !this.#seen.isLookedAt(low) || !this.#seen.add(low, high)) return;
    const key = read();
    if (key.every((text) => text.length <= MOST_KEY_BYTES && !text.includes('\0'))) this.#waiting.push(key);
    else this.#compare(key, false);
  }

  /** Asks for the keys that wait. @param all also for those that are fewer than one question has */
  async ask(
    lookUp: (keys: readonly (readonly string[])[]) => ReturnType<LookUpKeys>,
    all: boolean,
  ): Promise<void> {
    while (!this.isSettled && this.#waiting.length > (all ? 0 : MOST_AT_ONCE)) {
      const keys = this.#next();
      const found = await lookUp(keys);
      if ('unknown' in found) this.unknown = found.unknown;
      else for (const [at, key] of keys.entries()) this.#compare(key, found[at] === true);
    }
    if (this.isSettled) this.#waiting = [];
  }

  release(): void {
    this.#seen.release();
  }

  #next(): (readonly string[])[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && count < MOST_AT_ONCE && bytes < MOST_BYTES_AT_ONCE) {
      for (const text of this.#waiting[count]!) bytes += text.length;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  #compare(key: readonly string[], isThere: boolean): void {
    this.compared++;
    if (isThere) return;
    this.outside++;
    if (this.examples.length < EXAMPLES) this.examples.push(key.join(', '));
  }
}
