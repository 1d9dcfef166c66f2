import { API_CONNECTIONS, COMMITS_OF_A_TABLE } from '../db/connections.ts';
import { type SlotLimits, Slots } from '../slots.ts';
import type { Table } from '../types.ts';
import type { BatchOutcome } from './batch.ts';
import type { CheckedBatch } from './checked-batch.ts';

type Outcomes = Promise<readonly BatchOutcome[]>;

interface Handed {
  readonly batches: readonly CheckedBatch[];
  /** As the batches were checked. */
  readonly table: Table;
  /** Done. */
  outcomes: Outcomes | null;
}

/** A group whose activity runs in another process is forgotten after this time. */
const KEPT_MS = 60_000;

/**
 * Groups that may hold a connection at the same time: of one table, for whose lock a group may wait, and of all, fewer
 * than the pool has, whose others read keys, outcomes and jobs. A table has at most three groups of this process under
 * way: two that append, one that merges. Groups left behind by a process that died come on top, and wait for a slot.
 */
const SLOTS: SlotLimits = { each: COMMITS_OF_A_TABLE, all: API_CONNECTIONS.ledger - 4 };

/**
 * The rendezvous of a group's receiver and its activity when both are in one process. The checked rows are neither sent
 * nor parsed again, and the receiver need not wait for the activity: once the workflow is sure to run it commits the
 * group itself, and the activity finds that done. It is an optimization only: an activity that finds no group here has
 * the payload and the ledger, and committing a group is idempotent.
 */
export class HandOver {
  readonly #groups = new Map<string, Handed>();
  readonly #underWay = new Map<string, Outcomes>();
  readonly #slots: Slots;
  readonly #onCommit: (table: string) => void;

  /** @param onCommit called with the table right after a group's commit; must be quick and not throw */
  constructor(slots: SlotLimits = SLOTS, onCommit: (table: string) => void = () => undefined) {
    this.#slots = new Slots(slots);
    this.#onCommit = onCommit;
  }

  give(group: string, batches: readonly CheckedBatch[], table: Table): void {
    this.#groups.set(group, { batches, table, outcomes: null });
    setTimeout(() => this.drop(group), KEPT_MS).unref();
  }

  tableOf(group: string): Table | undefined {
    return this.#groups.get(group)?.table;
  }

  batchesOf(group: string): readonly CheckedBatch[] | undefined {
    return this.#groups.get(group)?.batches;
  }

  /**
   * Joins the commit that is under way or done here; else begins one when a slot is free. A failed one may be begun
   * again. An activity that is retried while its first attempt waits for a lock joins that attempt, so that each group
   * holds one connection at most.
   */
  commitOnce(group: string, table: string, commit: () => Outcomes): Outcomes {
    const known = this.#groups.get(group)?.outcomes ?? this.#underWay.get(group);
    if (known) return known;
    const begun = this.#slots.run(table, commit).then(
      (outcomes) => {
        this.#underWay.delete(group);
        const handed = this.#groups.get(group);
        if (handed) handed.outcomes = begun;
        this.#onCommit(table);
        return outcomes;
      },
      (error: unknown) => {
        this.#underWay.delete(group);
        throw error;
      },
    );
    this.#underWay.set(group, begun);
    return begun;
  }

  drop(group: string): void {
    this.#groups.delete(group);
  }
}
