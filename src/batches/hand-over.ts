import type { BatchOutcome } from './batch.ts';
import type { CheckedBatch } from './read-batch.ts';

type Outcomes = Promise<readonly BatchOutcome[]>;

interface Handed {
  readonly batches: readonly CheckedBatch[];
  /** Under way, or done. */
  commit: Outcomes | null;
}

/** A group whose activity runs in another process is forgotten after this time. */
const KEPT_MS = 60_000;

/**
 * Where the receiver of a group and its activity meet when both are in one process. The checked rows are neither sent
 * nor parsed again, and the receiver need not wait for the activity: once the workflow is sure to run it commits the
 * group itself, and the activity finds that done. Nothing depends on it: whoever finds no group here has the payload
 * and the ledger, and a second commit of a group changes nothing.
 */
export class HandOver {
  readonly #groups = new Map<string, Handed>();

  give(group: string, batches: readonly CheckedBatch[]): void {
    this.#groups.set(group, { batches, commit: null });
    setTimeout(() => this.drop(group), KEPT_MS).unref();
  }

  batchesOf(group: string): readonly CheckedBatch[] | undefined {
    return this.#groups.get(group)?.batches;
  }

  /** Joins the commit that is under way or done here; else begins one. One that fails may be begun again. */
  commitOnce(group: string, commit: () => Outcomes): Outcomes {
    const handed = this.#groups.get(group);
    if (handed === undefined) return commit();
    handed.commit ??= commit().catch((error: unknown) => {
      handed.commit = null;
      throw error;
    });
    return handed.commit;
  }

  drop(group: string): void {
    this.#groups.delete(group);
  }
}
