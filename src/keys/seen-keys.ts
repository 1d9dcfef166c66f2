import { LRUCache } from 'lru-cache';
import type { ApiKeyHolder } from './key-rows.ts';

/** How long before the ledger's last answer it has to have confirmed a key. */
const SEEN_LATELY_MS = 10 * 60_000;
const ENTRIES = 1_000;

interface Seen {
  readonly holder: ApiKeyHolder;
  readonly atMs: number;
}

/**
 * Who held which key when the ledger was last asked, for what may be read while it is away. A key counts for as long as
 * the ledger is away if it was confirmed in the last minutes before: a scraper's is, and one that was revoked elsewhere,
 * and is used no more, is not for long. By hash, as in the ledger: no secret is kept.
 */
export class SeenKeys {
  readonly #seen = new LRUCache<string, Seen>({ max: ENTRIES });
  readonly #now: () => number;
  #answeredAtMs = Number.NEGATIVE_INFINITY;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The ledger was asked for this key; null: it has none, or a revoked one. */
  answered(name: string, holder: ApiKeyHolder | null): void {
    this.#answeredAtMs = this.#now();
    if (holder === null) this.#seen.delete(name);
    else this.#seen.set(name, { holder, atMs: this.#answeredAtMs });
  }

  find(name: string): ApiKeyHolder | null {
    const seen = this.#seen.get(name);
    return seen !== undefined && this.#answeredAtMs - seen.atMs <= SEEN_LATELY_MS ? seen.holder : null;
  }

  forget(id: string): void {
    for (const [name, { holder }] of [...this.#seen.entries()]) if (holder.id === id) this.#seen.delete(name);
  }
}
