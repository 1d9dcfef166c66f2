import { LRUCache } from 'lru-cache';
import type { Rendered } from '../../src/reports/report-service.ts';

interface Entry {
  readonly etag: string;
  readonly rendered: Rendered;
}

const MAX_BYTES = 32 * 1024 * 1024;

/**
 * A cache of answers by request; the least recently used are evicted first. An answer is valid only for the ETag that it
 * was made for, which the caller has just computed from the report's state.
 */
export class AnswerCache {
  readonly #entries: LRUCache<string, Entry>;
  readonly #making = new Map<string, Promise<Rendered | null>>();

  constructor(maxBytes = MAX_BYTES) {
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      // An answer that fills the cache alone would evict all others.
      maxEntrySize: Math.floor(maxBytes / 4),
      sizeCalculation: ({ rendered }, key) => rendered.body.length + 2 * key.length,
    });
  }

  /**
   * The answer to the request `key`. Concurrent requests for the same are coalesced.
   * @param make gives null where there is no answer for this ETag; that is not kept
   */
  get(key: string, etag: string, make: () => Promise<Rendered | null>): Promise<Rendered | null> {
    const entry = this.#entries.get(key);
    if (entry?.etag === etag) return Promise.resolve(entry.rendered);
    let making = this.#making.get(etag);
    if (making === undefined) {
      making = this.#make(key, etag, make).finally(() => this.#making.delete(etag));
      this.#making.set(etag, making);
    }
    return making;
  }

  async #make(key: string, etag: string, make: () => Promise<Rendered | null>): Promise<Rendered | null> {
    const rendered = await make();
    if (rendered !== null) this.#entries.set(key, { etag, rendered });
    return rendered;
  }
}
