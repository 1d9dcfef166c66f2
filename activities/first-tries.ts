import { Context } from '@temporalio/activity';
import { API_CONNECTIONS } from '../src/db/connections.ts';
import { LongshoreError } from '../src/errors.ts';
import type { LoadStep } from '../src/loads/loads.ts';
import { Slots } from '../src/slots.ts';

/** Of long loads at the same time, and as many of short ones: the other connections are for requests and batches. */
export const LONG_AT_ONCE = API_CONNECTIONS.ledger / 4;
/** A step that waits longer becomes an activity, which Temporal hands out by its priority. */
const PATIENCE_MS = 3_000;

/**
 * Bounds how many short steps on the ledger this process has under way inside tasks of workflows. With sixty long loads
 * that begin at once, a short one would wait for a connection behind all of theirs. Tries by activities are not counted:
 * one that waits for a lock again and again keeps nobody waiting.
 */
export function firstTries(): <In extends LoadStep, Out>(
  step: (input: In) => Promise<Out>,
) => (input: In) => Promise<Out> {
  const slots = new Slots({ all: 2 * LONG_AT_ONCE, each: LONG_AT_ONCE });
  return (step) => async (input) => {
    if (!Context.current().info.isLocal) return step(input);
    const release = await slots.take(input.short ? 'short' : 'long', PATIENCE_MS);
    if (release === null) {
      throw new LongshoreError('database-busy', 'steps of other loads are under way');
    }
    try {
      return await step(input);
    } finally {
      release();
    }
  };
}
