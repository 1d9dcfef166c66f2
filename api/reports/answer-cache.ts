/** An answer's body, ready to send. */
export interface Rendered {
  readonly body: Buffer;
  /** Rows on all pages; null where there are no pages. */
  readonly total: number | null;
  /** Rows of this page; a page of long rows has fewer than its limit. */
  readonly count: number | null;
}

interface Entry {
  readonly etag: string;
  readonly rendered: Rendered;
  readonly bytes: number;
}

const MAX_BYTES = 32 * 1024 * 1024;

/**
 * Answers as they were last sent, by what was asked; those that were not asked for longest go first. An answer counts
 * only for the ETag that it was made for, which whoever asks has just worked out from the report's state.
 */
export class AnswerCache {
  readonly #entries = new Map<string, Entry>();
  readonly #making = new Map<string, Promise<Rendered | null>>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The answer to what `key` asks. Whoever asks for the same at the same time waits for the same.
   * @param make gives null where there is no answer for this ETag; that is not kept
   */
  get(key: string, etag: string, make: () => Promise<Rendered | null>): Promise<Rendered | null> {
    const entry = this.#entries.get(key);
    if (entry?.etag === etag) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      return Promise.resolve(entry.rendered);
    }
    let making = this.#making.get(etag);
    if (making === undefined) {
      making = this.#make(key, etag, make).finally(() => this.#making.delete(etag));
      this.#making.set(etag, making);
    }
    return making;
  }

  async #make(key: string, etag: string, make: () => Promise<Rendered | null>): Promise<Rendered | null> {
    const rendered = await make();
    if (rendered !== null) this.#keep(key, { etag, rendered, bytes: rendered.body.length + 2 * key.length });
    return rendered;
  }

  #keep(key: string, entry: Entry): void {
    this.#drop(key);
    // One that fills the cache alone would cost all the others.
    if (entry.bytes > this.#maxBytes / 4) return;
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }
}
