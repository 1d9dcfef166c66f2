/** How many groups may hold a connection at the same time. */
export interface SlotLimits {
  /** Limit for one table: a group that waits for a table's lock holds its connection for as long as that takes. */
  readonly perTable: number;
  /** Limit for all tables, below the size of the pool, whose other connections read keys, outcomes and tables. */
  readonly all: number;
}

interface Waiting {
  readonly table: string;
  readonly go: () => void;
}

/** Lets groups commit in the order in which they came, as many at the same time as the limits say. */
export class CommitSlots {
  readonly #limits: SlotLimits;
  readonly #busy = new Map<string, number>();
  #all = 0;
  readonly #waiting: Waiting[] = [];

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  async run<T>(table: string, commit: () => Promise<T>): Promise<T> {
    if (this.#mayGo(table)) this.#take(table);
    else await this.#turn(table);
    try {
      return await commit();
    } finally {
      this.#give(table);
    }
  }

  /** Resolves when a slot was taken for the table. */
  #turn(table: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ table, go: resolve });
    return promise;
  }

  #mayGo(table: string): boolean {
    return this.#all < this.#limits.all && (this.#busy.get(table) ?? 0) < this.#limits.perTable;
  }

  #take(table: string): void {
    this.#all += 1;
    this.#busy.set(table, (this.#busy.get(table) ?? 0) + 1);
  }

  #give(table: string): void {
    this.#all -= 1;
    this.#busy.set(table, (this.#busy.get(table) ?? 0) - 1);
    const at = this.#waiting.findIndex((one) => this.#mayGo(one.table));
    if (at < 0) return;
    const [next] = this.#waiting.splice(at, 1);
    this.#take(next!.table);
    next!.go();
  }
}
