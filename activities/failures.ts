import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { LRUCache } from 'lru-cache';
import { asDatabaseError } from '../src/db/database-error.ts';
import { asRefused } from '../src/db/refusal.ts';
import { sqlstateOf } from '../src/db/sqlstate.ts';
import { ERRORS, type ErrorCode, LongshoreError } from '../src/errors.ts';
import { messageOf } from '../src/runtime/log-fields.ts';

/**
 * Tries of an activity that ended with an unforeseen error: it may be transient, but a bug never goes away. Only those
 * count, as this process saw them: a server that is away or busy for days uses up none.
 */
const UNFORESEEN_TRIES = 8;
/** Activities whose tries are counted at a time; the least recently failed are forgotten. */
const COUNTED_ACTIVITIES = 10_000;
const unforeseen = new LRUCache<string, number>({ max: COUNTED_ACTIVITIES });

/** Fixed delay between retries while a backup or a restore of the table runs, or somebody else has it locked. */
const TABLE_DELAY = '2s';
/** The same for batches, in local activities: longer waits are timers of the server, see `COMMIT` of the policies. */
const LONG_TABLE_DELAY = '6s';
const WAITS_FOR_TABLE: readonly ErrorCode[] = ['table-backing-up', 'table-restoring', 'table-locked'];

/** The failure for Temporal: the catalog's code is its type, and decides whether it is retryable. */
function toFailure(error: unknown, info: Context['info']): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  const known = toLongshoreError(error);
  const { retryable } = ERRORS[known.code];
  const givenUp = known.code === 'internal' && countUnforeseen(info) >= UNFORESEEN_TRIES;
  return ApplicationFailure.create({
    type: known.code,
    message: known.message,
    nextRetryDelay: tableDelay(known.code, info),
    nonRetryable: !retryable || givenUp,
  });
}

function countUnforeseen(info: Context['info']): number {
  const key = activityKey(info);
  const tries = (unforeseen.get(key) ?? 0) + 1;
  unforeseen.set(key, tries);
  return tries;
}

function activityKey({ workflowExecution, activityId }: Context['info']): string {
  return JSON.stringify([workflowExecution?.workflowId, workflowExecution?.runId, activityId]);
}

function tableDelay(code: ErrorCode, { attempt, isLocal }: Context['info']) {
  if (!WAITS_FOR_TABLE.includes(code)) return undefined;
  const long = code === 'table-restoring' || (code === 'table-locked' && isLocal);
  return long && attempt > 2 ? LONG_TABLE_DELAY : TABLE_DELAY;
}

/** Messages of PostgreSQL's errors can hold row data, which belongs neither into histories nor into logs. */
export function toLongshoreError(error: unknown): LongshoreError {
  if (error instanceof LongshoreError) return error;
  const database = asDatabaseError(error);
  if (database) return database;
  const refused = asRefused(error);
  if (refused) return refused;
  const state = sqlstateOf(error);
  const code: ErrorCode = 'internal';
  const name = error instanceof Error ? error.name : typeof error;
  const message = state === undefined ? `${name}: ${messageOf(error)}` : `SQLSTATE ${state}`;
  return new LongshoreError(code, message, { cause: error });
}

type Activity<I, O> = (input: I) => Promise<O>;

/** Wraps an activity so that its errors become failures of the catalog, logged with their cause. */
export function failing<I, O>(activity: Activity<I, O>): Activity<I, O> {
  return async (input) => {
    try {
      const result = await activity(input);
      unforeseen.delete(activityKey(Context.current().info));
      return result;
    } catch (error) {
      const { info, log } = Context.current();
      const failure = toFailure(error, info);
      if (failure instanceof ApplicationFailure) {
        // A non-retryable failure is an answer to the user, who finds it in the load, and may quote the file; the rest is
        // for operators.
        const answer = failure.nonRetryable && failure.type !== 'internal';
        const what = `${info.activityType} of ${info.workflowExecution?.workflowId}, attempt ${info.attempt}`;
        // Waiting for a backup or a restore is no error; the load itself says what it waits for.
        if (WAITS_FOR_TABLE.includes(failure.type as ErrorCode)) log.debug(`${what}: ${failure.message}`);
        else if (answer) log.info(`${what}: ${failure.type}`, { code: failure.type });
        else log.warn(`${what}: ${failure.message} (${failure.type})`, { code: failure.type });
      }
      throw failure;
    }
  };
}
