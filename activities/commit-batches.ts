import { Context } from '@temporalio/activity';
import type { BatchOutcome } from '../src/batches/batch.ts';
import type { CheckedBatch } from '../src/batches/checked-batch.ts';
import { commitGroup } from '../src/batches/commit-group.ts';
import type { CommitBatchesInput, CommittedGroup } from '../src/batches/contract.ts';
import type { HandOver } from '../src/batches/hand-over.ts';
import { dropPayload, readPayload } from '../src/batches/payload.ts';
import { readBatch } from '../src/batches/read-batch.ts';
import { readGroup } from '../src/batches/read-group.ts';
import type { DictionaryBook } from '../src/dictionary/dictionary-book.ts';
import { LongshoreError } from '../src/errors.ts';
import { inSlices } from '../src/in-slices.ts';
import { compiledTable } from '../src/rows/compiled-tables.ts';
import type { Table } from '../src/types.ts';
import type { ActivityDeps } from './deps.ts';

export interface BatchActivityDeps extends Pick<ActivityDeps, 'db' | 'storage'> {
  readonly handOver: HandOver;
  readonly dictionary: Pick<DictionaryBook, 'table'>;
}

/**
 * Commits a group in one transaction, or joins its receiver, which is about to do so in this process. Idempotent: run
 * again, by any process, it finds in the ledger that the group is committed.
 */
export function commitBatches(deps: BatchActivityDeps) {
  return async (input: CommitBatchesInput): Promise<CommittedGroup> => {
    const { workflowId, runId } = workflowOf(Context.current());
    // Batches that were checked here go by the table that they were checked by.
    const table = deps.handOver.tableOf(input.group) ?? (await deps.dictionary.table(input.table));
    const batches = await batchesOf(deps, input, table);
    if (batches === null) return committedBefore(deps, workflowId);
    const group = { group: input.group, workflowId, runId, table, mode: input.mode };
    const outcomes = await deps.handOver.commitOnce(input.group, input.table, () =>
      commitGroup(deps.db, group, batches),
    );
    deps.handOver.drop(input.group);
    await dropPayload(deps.storage, input.payload).catch((error) =>
      // Housekeeping deletes it later.
      Context.current().log.warn('the payload could not be deleted', { workflowId, reason: String(error) }),
    );
    return countGroup(outcomes);
  };
}

export function workflowOf({ info }: Context): { readonly workflowId: string; readonly runId: string } {
  if (!info.workflowExecution) throw new LongshoreError('internal', 'the activity runs without a workflow');
  return info.workflowExecution;
}

/** The group's batches from this process or from their payload; null when neither has them. */
async function batchesOf(
  { storage, handOver }: BatchActivityDeps,
  { group, mode, payload }: CommitBatchesInput,
  table: Table,
): Promise<readonly CheckedBatch[] | null> {
  const handed = handOver.batchesOf(group);
  if (handed) return handed;
  const received = await readPayload(storage, payload);
  if (received === null) return null;
  return Promise.all(received.map((batch) => inSlices(readBatch(batch, compiledTable(table), mode))));
}

/** Finds the commit of an earlier attempt that was not reported: the payload is deleted after a commit. */
async function committedBefore({ db }: BatchActivityDeps, workflowId: string): Promise<CommittedGroup> {
  const committed = await readGroup(db, workflowId);
  if (committed) return committed;
  throw new LongshoreError('batch-lost', `${workflowId}: neither its payload nor its commit can be found`);
}

function countGroup(outcomes: readonly BatchOutcome[]): CommittedGroup {
  const sum = { sent: 0, accepted: 0, rejected: 0, discarded: 0 };
  for (const outcome of outcomes) {
    // Nothing was written for these by this commit.
    if (!('view' in outcome) || outcome.replayed) continue;
    const { rows } = outcome.view;
    sum.sent += rows.sent ?? 0;
    sum.accepted += rows.accepted;
    sum.rejected += rows.rejected;
    sum.discarded += rows.discarded;
  }
  return sum;
}
