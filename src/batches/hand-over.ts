import type { BatchOutcome } from './batch.ts';
import type { CheckedBatch } from './read-batch.ts';

interface Handed {
  readonly batches: readonly CheckedBatch[];
  readonly settle: PromiseWithResolvers<readonly BatchOutcome[]>;
}

/**
 * Where the receiver of a group and its activity meet when both are in one process: the checked rows go one way, so
 * that they are neither sent nor parsed again, and the outcomes come back the moment that they are durable. Nothing
 * depends on it: whoever finds no group here has the payload and the ledger.
 */
export class HandOver {
  readonly #groups = new Map<string, Handed>();

  /** @returns the outcomes, in the order of the batches, if they are ever told here */
  give(group: string, batches: readonly CheckedBatch[]): Promise<readonly BatchOutcome[]> {
    const settle = Promise.withResolvers<readonly BatchOutcome[]>();
    this.#groups.set(group, { batches, settle });
    return settle.promise;
  }

  batchesOf(group: string): readonly CheckedBatch[] | undefined {
    return this.#groups.get(group)?.batches;
  }

  /** A group that nobody waits for here is left alone. */
  tell(group: string, outcomes: readonly BatchOutcome[]): void {
    this.#groups.get(group)?.settle.resolve(outcomes);
  }

  drop(group: string): void {
    this.#groups.delete(group);
  }
}
