import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { Arrived, type Mark } from '../src/seal/arrived.ts';
import { withClaim } from '../src/seal/claims.ts';
import { PAYLOAD_REFUSED } from '../src/seal/payload-refused.ts';

/** The marks of running activities' inputs; their results get the same. */
const marks = new WeakMap<Context, Mark>();

/** The mark of the current activity; null outside of activities. */
export function activityMark(): Mark | null {
  try {
    return marks.get(Context.current()) ?? null;
  } catch {
    return null;
  }
}

/** Lets activities run only for inputs that a workflow of the platform has sealed for them. */
export const sealedActivities: ActivityInterceptorsFactory = (context) => ({
  inbound: {
    async execute(input, next) {
      const [given] = input.args;
      const { activityType, workflowExecution } = context.info;
      const mark = given instanceof Arrived ? given.mark : null;
      if (mark === null || mark.use !== 'input' || mark.call !== activityType || input.args.length !== 1) {
        const reason = (given instanceof Arrived && given.refused) || 'its input is not sealed for it';
        const message = `${activityType} of ${workflowExecution?.workflowId ?? 'no workflow'}: ${reason}`;
        context.log.warn(`An activity was refused: ${message}`);
        throw ApplicationFailure.nonRetryable(message, PAYLOAD_REFUSED);
      }
      marks.set(context, mark);
      return next({ ...input, args: [(given as Arrived).value] }).catch((error) =>
        Promise.reject(withClaim(error)),
      );
    },
  },
});
