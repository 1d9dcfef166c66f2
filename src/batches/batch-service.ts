import type { ReadAs, Table } from '../types.ts';
import type {
  BatchFilter,
  BatchFormat,
  BatchMode,
  BatchRejectsPage,
  BatchView,
  EndedBatch,
} from './batch.ts';
import type { BodyRoom } from './body-room.ts';

/** What the API asks for batches. Every call may throw a `LongshoreError`, which becomes the problem of the answer. */
export interface BatchService {
  /**
   * Commits a batch together with those that arrive at the same time for the same table and mode. Resolves with its
   * outcome once that is durable, or with the running batch after `waitMs` (it goes on by itself); with `waitMs` 0
   * as soon as the batch is sure to be committed whatever dies.
   *
   * @throws `malformed-body batch-empty batch-too-large` before anything is started; `idempotency-key-in-use
   *   idempotency-key-reused overloaded stopping temporal-unavailable storage-*`: nothing of it is or will be written;
   *   `batch-lost batch-terminated internal` when it failed
   */
  commit(
    batch: NewBatch,
    waitMs: number,
    room: BodyRoom,
  ): Promise<EndedBatch | { readonly running: BatchView }>;

  /**
   * The first outcome of a request that can't be made any more: its table left the dictionary, or its primary key.
   * @returns null when its Idempotency-Key is unknown, has expired, or there is none
   * @throws `idempotency-key-reused`
   */
  replay(batch: FormerBatch): Promise<EndedBatch | null>;

  /**
   * Reserves memory for a batch's body. `commit` releases it when the body is queued; the caller releases it in any case.
   * @param announcedBytes 0 when not known
   * @throws `overloaded`
   */
  room(announcedBytes: number): BodyRoom;

  /** null when there is no such batch. */
  get(id: string): Promise<BatchView | null>;

  /** Lists committed batches, newest first. */
  list(filter: BatchFilter): Promise<readonly BatchView[]>;

  /** A page of rejects by index, after `afterIndex`; `more`: there are further ones. @throws `unknown-batch` */
  rejects(
    id: string,
    page: { readonly afterIndex: number; readonly limit: number },
  ): Promise<BatchRejectsPage>;
}

export interface NewBatch extends FormerBatch {
  readonly table: Table;
}

/** A batch for a table of which only the name is known. */
export interface FormerBatch {
  readonly table: Pick<Table, 'name'>;
  readonly mode: BatchMode;
  readonly format: BatchFormat;
  readonly strict: boolean;
  /** How a CSV is written, in place of what the dictionary says of the table; null or absent: as it says. */
  readonly readAs?: ReadAs | null;
  readonly body: string;
  readonly sentBy: string;
  readonly idempotencyKey: string | null;
}
