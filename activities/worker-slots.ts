import type { ActivitySlotInfo, CustomSlotSupplier, SlotPermit } from '@temporalio/worker';

/**
 * Concurrent activities in one process that read, parse and write files: one parses while the other waits for PostgreSQL.
 * More would only hold more chunks in memory; more cores need more processes.
 */
export const FILES_AT_ONCE = 2;
/** Concurrent activities that wait for PostgreSQL, minutes perhaps, and need next to nothing of this process. */
export const STATEMENTS_AT_ONCE = 2;
/**
 * A statement counts as an activity of files until it has taken this long: most are over by then. They give PostgreSQL as
 * much to do, and with twice as many at once, each of them and all that is short beside them would take twice as long.
 */
const LONG_STATEMENT_MS = 1_000;

/** Activities that are a few statements over whole tables. */
const STATEMENTS: ReadonlySet<string> = new Set([
  'checkLoad',
  'compareStaged',
  'prepareStaged',
  'proveStaged',
  'publishLoad',
  'publishRestore',
  'refreshReportView',
]);

/**
 * The slots of an activity worker. A slot is free again as soon as its activity turns out to be one of statements that
 * take long, as long as there are few of those: so publishes and refreshes that take minutes, or wait for a lock, keep no
 * chunk and no part of a backup waiting, which take moments.
 */
export class WorkerSlots implements CustomSlotSupplier<ActivitySlotInfo> {
  readonly type = 'custom';
  /** Given out: of activities that are unknown yet, or of files, or of statements beyond their own slots. */
  #taken = 0;
  #given = 0;
  readonly #statements = new Set<number>();
  /** Long statements in slots of files. */
  readonly #beyond = new Set<number>();
  /** Statements that are not long yet. */
  readonly #young = new Map<number, NodeJS.Timeout>();
  readonly #waiting = new Set<() => void>();
  readonly #longMs: number;

  constructor(longMs = LONG_STATEMENT_MS) {
    this.#longMs = longMs;
  }

  async reserveSlot(_: unknown, aborted: AbortSignal): Promise<Permit> {
    while (this.#taken >= FILES_AT_ONCE) await this.#turn(aborted);
    return this.#take();
  }

  tryReserveSlot(): Permit | null {
    return this.#taken < FILES_AT_ONCE ? this.#take() : null;
  }

  markSlotUsed({
    slotInfo,
    permit,
  }: {
    readonly slotInfo: ActivitySlotInfo;
    readonly permit: SlotPermit;
  }): void {
    if (!STATEMENTS.has(slotInfo.activityType)) return;
    const { id } = permit as Permit;
    const long = () => {
      this.#young.delete(id);
      this.#beyond.add(id);
      this.#moveBeyond();
    };
    this.#young.set(id, setTimeout(long, this.#longMs).unref());
  }

  releaseSlot({ permit }: { readonly permit: SlotPermit }): void {
    const { id } = permit as Permit;
    if (this.#statements.delete(id)) {
      this.#moveBeyond();
      return;
    }
    clearTimeout(this.#young.get(id));
    this.#young.delete(id);
    this.#beyond.delete(id);
    this.#give();
  }

  /** Statements take slots of their own as soon as there are any, and give those of files back. */
  #moveBeyond(): void {
    for (const id of this.#beyond) {
      if (this.#statements.size >= STATEMENTS_AT_ONCE) return;
      this.#beyond.delete(id);
      this.#statements.add(id);
      this.#give();
    }
  }

  async #turn(aborted: AbortSignal): Promise<void> {
    aborted.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(aborted.reason);
    this.#waiting.add(resolve);
    aborted.addEventListener('abort', abort, { once: true });
    try {
      await promise;
    } finally {
      this.#waiting.delete(resolve);
      aborted.removeEventListener('abort', abort);
    }
  }

  #take(): Permit {
    this.#taken += 1;
    this.#given += 1;
    return { id: this.#given };
  }

  #give(): void {
    this.#taken -= 1;
    for (const go of this.#waiting) {
      this.#waiting.delete(go);
      go();
      return;
    }
  }
}

interface Permit extends SlotPermit {
  readonly id: number;
}
