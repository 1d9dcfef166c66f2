/** How many may be busy at the same time. */
export interface SlotLimits {
  /** Of one name: whatever waits there keeps no more than these. */
  readonly each: number;
  /** Of all names. */
  readonly all: number;
}

interface Waiting {
  readonly name: string;
  readonly go: () => void;
}

/** Hands slots out in the order in which they were requested, as many at the same time as the limits say. */
export class Slots {
  readonly #limits: SlotLimits;
  readonly #busy = new Map<string, number>();
  #all = 0;
  readonly #waiting = new Set<Waiting>();

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  /**
   * @param waitMs how long to wait for a slot; for ever unless given
   * @returns a function that gives the slot back, and may be called twice; null: none was free in time
   */
  async take(name: string, waitMs?: number): Promise<(() => void) | null> {
    if (!this.#takeNow(name) && !(await this.#turn(name, waitMs))) return null;
    let held = true;
    return () => {
      if (held) this.#give(name);
      held = false;
    };
  }

  /** Begins at once where a slot is free. @returns what `work` gives */
  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (!this.#takeNow(name)) await this.#turn(name);
    try {
      return await work();
    } finally {
      this.#give(name);
    }
  }

  #takeNow(name: string): boolean {
    const free = this.#mayGo(name);
    if (free) this.#take(name);
    return free;
  }

  /** Resolves with true when a slot was taken. */
  #turn(name: string, waitMs?: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiting = { name, go: () => resolve(true) };
    this.#waiting.add(waiting);
    if (waitMs !== undefined) {
      const timer = setTimeout(() => {
        if (this.#waiting.delete(waiting)) resolve(false);
      }, waitMs);
      void promise.then(() => clearTimeout(timer));
    }
    return promise;
  }

  #mayGo(name: string): boolean {
    return this.#all < this.#limits.all && this.#busyOf(name) < this.#limits.each;
  }

  #busyOf(name: string): number {
    return this.#busy.get(name) ?? 0;
  }

  #take(name: string): void {
    this.#all += 1;
    this.#busy.set(name, this.#busyOf(name) + 1);
  }

  #give(name: string): void {
    this.#all -= 1;
    const left = this.#busyOf(name) - 1;
    if (left > 0) this.#busy.set(name, left);
    else this.#busy.delete(name);
    for (const waiting of this.#waiting) {
      if (!this.#mayGo(waiting.name)) continue;
      this.#waiting.delete(waiting);
      this.#take(waiting.name);
      waiting.go();
      return;
    }
  }
}
