import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { ERRORS, type ErrorCode, LongshoreError } from '../errors.ts';
import type { Installation } from '../installation/installation.ts';
import type { Storage } from '../storage/storage.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import type { Table } from '../types.ts';
import type { BatchOutcome, BatchView, EndedBatch } from './batch.ts';
import type { CheckedBatch } from './checked-batch.ts';
import { commitGroup } from './commit-group.ts';
import { type FailedGroup, failGroup } from './fail-group.ts';
import type { HandOver } from './hand-over.ts';
import { idempotencyKeyReused } from './idempotency-keys.ts';
import { outcomesInLedger } from './idempotent.ts';
import { dropPayload, keepPayload } from './payload.ts';
import { type StartedGroup, startGroup, workflowIdOf } from './start-group.ts';

const LOOK_AGAIN_MS = 1_000;

export interface GroupDeps {
  readonly db: Database;
  /** A client over the worker's own connection. */
  readonly client: Client;
  readonly installation: Installation;
  readonly storage: Storage;
  readonly handOver: HandOver;
  readonly log: Logger;
  /** Aborts when this process ends: groups without an outcome by then are left to their workflow. */
  readonly stopped: AbortSignal;
}

export interface Group {
  readonly id: string;
  /** As its batches were checked. */
  readonly table: Table;
  readonly mode: BatchView['mode'];
  /** Batches with their IDs in this group. */
  readonly batches: readonly CheckedBatch[];
}

/** One batch's end: its result, or its error. */
export type GroupOutcome = EndedBatch | LongshoreError;

/**
 * Commits a group by a workflow of its own.
 *
 *   keep payload ─ start workflow ─ commit ─ outcomes
 *        │                │            └ fails: the workflow's activity retries for as long as it takes
 *        │                └ fails, or is not known to have started: the ledger decides
 *        └ fails: nothing was started
 *
 * As soon as the workflow is sure to run, the group is committed here: its activity, which starts a little later, finds
 * that under way or done. "Not written" may only be answered for what never will be. Where that is in doubt, the group
 * is recorded in the ledger as failed: the failure and the commit race there, and the first one holds.
 *
 * @param started called once the workflow is sure to run, whichever process dies
 * @returns the outcomes in the order of the batches
 * @throws `storage-full storage-unavailable`: nothing is or will be written; the reason of `stopped`
 */
export async function runGroup(
  deps: GroupDeps,
  group: Group,
  started: (runId: string | null) => void,
): Promise<readonly GroupOutcome[]> {
  const { storage, handOver } = deps;
  const { id, table, mode, batches } = group;
  const received = batches.map((batch) => batch.received);
  const payload = await keepPayload(storage, id, received);
  const strict = received.flatMap((batch, n) => (batch.strict ? [n] : []));
  const input = { group: id, table: table.name, mode, batches: batches.length, payload };
  handOver.give(id, batches, table);
  const begun = await startGroup(deps, input, strict).catch((error: unknown) => asLongshoreError(error));
  if (begun instanceof LongshoreError) {
    handOver.drop(id);
    const outcomes = await endUnwritten(deps, group, begun);
    // A workflow that still runs finds the outcome in the ledger. Without this, an hour without Temporal could fill a disk.
    await dropPayload(storage, payload).catch((error) => deps.log.debug({ err: error }, 'A payload is left'));
    return outcomes;
  }
  started(begun.runId);
  const outcomes = await commitHere(deps, group, begun);
  return outcomes ? outcomes.map(settle) : outcomesElsewhere(deps, group, begun.handle);
}

/** @returns the outcomes, or null when the commit failed for now: the workflow continues with it */
async function commitHere(
  { db, handOver, log }: GroupDeps,
  { id, table, mode, batches }: Group,
  { handle, runId }: StartedGroup,
): Promise<readonly BatchOutcome[] | null> {
  // An earlier attempt to start it succeeded: any process may have it.
  if (runId === null) return null;
  const target = { group: id, workflowId: handle.workflowId, runId, table, mode };
  try {
    return await handOver.commitOnce(id, table.name, () => commitGroup(db, target, batches));
  } catch (error) {
    log.debug({ err: error, workflowId: handle.workflowId }, 'A group is left to its workflow');
    return null;
  }
}

/** For a workflow of another process, or one ended from outside: Temporal knows when it ended, the ledger how. */
async function outcomesElsewhere(
  deps: GroupDeps,
  group: Group,
  handle: WorkflowHandle,
): Promise<readonly GroupOutcome[]> {
  for (;;) {
    try {
      await handle.result();
      return await readOutcomes(deps, group);
    } catch (error) {
      if (error instanceof WorkflowFailedError) return endUnwritten(deps, group, reasonOf(error));
      if (error instanceof LongshoreError) throw error;
      deps.log.debug({ err: translateTemporal(error) }, 'A group is waited for');
      await pause(deps);
    }
  }
}

/** Records the group as failed unless it is committed, and retries until the ledger has either. */
async function endUnwritten(
  deps: GroupDeps,
  group: Group,
  reason: LongshoreError,
): Promise<readonly GroupOutcome[]> {
  for (;;) {
    try {
      await failGroup(deps.db, failureOf(deps, group, reason));
      return await readOutcomes(deps, group);
    } catch (error) {
      if (error instanceof LongshoreError) throw error;
      deps.log.warn({ err: error }, 'A group that failed could not be recorded yet');
      await pause(deps);
    }
  }
}

async function pause({ stopped }: GroupDeps): Promise<void> {
  await sleep(LOOK_AGAIN_MS, undefined, { signal: stopped }).catch(() => stopped.throwIfAborted());
}

async function readOutcomes({ db }: GroupDeps, { batches }: Group): Promise<readonly GroupOutcome[]> {
  return (await outcomesInLedger(db, batches)).map(settle);
}

function failureOf(
  { installation }: GroupDeps,
  { id, table, mode, batches }: Group,
  { code, message }: LongshoreError,
): FailedGroup {
  return {
    workflowId: workflowIdOf(installation, id),
    runId: null,
    table: table.name,
    mode,
    batches: batches.map(({ received, sent }) => ({ ...received, sent })),
    error: { code, message },
  };
}

function settle(outcome: BatchOutcome): GroupOutcome {
  if (!('view' in outcome)) return idempotencyKeyReused();
  const { error } = outcome.view;
  return error ? new LongshoreError(error.code, error.message) : outcome;
}

function asLongshoreError(error: unknown): LongshoreError {
  const known = translateTemporal(error);
  if (known instanceof LongshoreError) return known;
  return new LongshoreError('internal', "the batch's workflow could not be started", { cause: error });
}

function reasonOf({ cause }: WorkflowFailedError): LongshoreError {
  if (cause instanceof ApplicationFailure && cause.type && cause.type in ERRORS) {
    return new LongshoreError(cause.type as ErrorCode, cause.message);
  }
  const what = cause instanceof CancelledFailure ? 'cancelled' : 'terminated';
  return new LongshoreError('batch-terminated', `its workflow was ${what}`, { cause });
}
