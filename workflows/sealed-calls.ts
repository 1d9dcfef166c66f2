import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure } from '@temporalio/common';
import {
  log,
  scheduleActivity,
  sleep,
  type WorkflowInterceptors,
  type WorkflowInterceptorsFactory,
  workflowInfo,
} from '@temporalio/workflow';
import { Arrived, enterWorkflow, type Mark, marking } from '../src/seal/arrived.ts';
import { claimOf, isClaim, withClaim } from '../src/seal/claims.ts';
import { PAYLOAD_REFUSED } from '../src/seal/payload-refused.ts';
import { FORGED_ANSWERS, FORGED_PAUSE } from './policies.ts';

/**
 * Restricts workflows to sealed payloads. The codec outside has checked every payload; this decides what a refused one
 * means:
 *
 *   input        the workflow fails, at once and for good; its code never runs
 *   signal       it is ignored
 *   answer       of an activity: it is requested again, for the platform's own workers; of a child: the child failed
 *
 * An absent payload can't be sealed: so every input is one object, a signal without arguments gets an empty one, and an
 * activity that returns nothing answers with a sealed empty result. A run whose input came without any codec is a replay
 * of a history of before there was one, and accepts everything.
 */
export const interceptors: WorkflowInterceptorsFactory = (): WorkflowInterceptors => {
  const { workflowId, firstExecutionRunId: chain } = workflowInfo();
  enterWorkflow({ workflowId, chain });
  const state: RunState = { chain, sealed: true, forged: 0 };
  return {
    inbound: [
      {
        async execute(input, next) {
          const [given] = input.args;
          if (!(given instanceof Arrived) || input.args.length !== 1) throw refused('it has no sealed input');
          state.sealed = given.mark !== null || given.refused !== null;
          if (state.sealed && given.mark?.use !== 'input')
            throw refused(given.refused ?? 'its input is an answer');
          const result = next({ ...input, args: [given.value] });
          return state.sealed ? result.catch((error) => Promise.reject(withClaim(error))) : result;
        },

        async handleSignal(input, next) {
          const given = input.args.map((arg) => (arg instanceof Arrived ? arg : null));
          const isOurs = given.length > 0 && given.every((arg) => arg?.mark?.use === 'input');
          if (state.sealed && !isOurs) {
            log.warn(`A signal that is not sealed was left out: ${input.signalName}`);
            return;
          }
          await next({ ...input, args: given.map((arg) => arg?.value) });
        },
      },
    ],
    outbound: [
      {
        async scheduleActivity(input, next) {
          const { activityType, args, options } = input;
          const answer = marking({ call: activityType }, () => next(input));
          const own = await ownAnswer(state, answer, activityType);
          if (own !== null) return own.value;
          await untilAskedAgain(state, activityType);
          return scheduleActivity(activityType, args, options);
        },

        // Its answer comes from this process, and at a replay from what this process has recorded.
        async scheduleLocalActivity(input, next) {
          const { activityType } = input;
          const answer = marking({ call: activityType }, () => next(input));
          const own = await ownAnswer(state, answer, activityType);
          if (own === null) throw refused(`what is recorded of ${activityType} is not sealed`);
          return own.value;
        },

        async startChildWorkflowExecution(input, next) {
          const [started, result] = await marking({ use: 'input' }, () => next(input));
          return [started, childResult(state, result, input.workflowType)];
        },

        signalWorkflow: (input, next) =>
          marking({ use: 'input' }, () => next(input.args.length > 0 ? input : { ...input, args: [{}] })),

        continueAsNew: (input, next) => marking({ use: 'input' }, () => next(input)),
      },
    ],
  };
};

interface RunState {
  readonly chain: string;
  /** false: a replay without a codec. */
  sealed: boolean;
  /** Number of refused answers. */
  forged: number;
}

interface OwnAnswer {
  readonly value: unknown;
}

/** The answer of an activity of the platform; null when somebody else has answered. @throws what the activity throws */
async function ownAnswer(state: RunState, answer: Promise<unknown>, call: string): Promise<OwnAnswer | null> {
  const isOwn = (mark: Mark | null | undefined) =>
    mark?.use === 'output' && mark.call === call && mark.chain === state.chain;
  try {
    const given = await answer;
    if (given instanceof Arrived && (!state.sealed || isOwn(given.mark))) return { value: given.value };
    if (!state.sealed) return { value: given };
    return null;
  } catch (error) {
    // Timeouts and cancellations come from the server itself, unsealed.
    if (!state.sealed || !(error instanceof ActivityFailure && error.cause instanceof ApplicationFailure))
      throw error;
    const { cause } = error;
    if (isClaim(claimOf(cause), cause, isOwn)) throw error;
    return null;
  }
}

async function untilAskedAgain(state: RunState, activityType: string): Promise<void> {
  if (++state.forged > FORGED_ANSWERS) {
    throw refused(`${FORGED_ANSWERS} answers of activities were not sealed, the last to ${activityType}`);
  }
  log.warn(`An answer that is not sealed was refused: ${activityType}`);
  await sleep(FORGED_PAUSE);
}

async function childResult(
  state: RunState,
  result: Promise<unknown>,
  workflowType: string,
): Promise<unknown> {
  const isOwn = (mark: Mark | null | undefined) => mark?.use === 'output';
  try {
    const given = await result;
    if (given instanceof Arrived && (!state.sealed || isOwn(given.mark))) return given.value;
    if (!state.sealed) return given;
  } catch (error) {
    if (
      !state.sealed ||
      !(error instanceof ChildWorkflowFailure && error.cause instanceof ApplicationFailure)
    )
      throw error;
    const { cause } = error;
    if (isClaim(claimOf(cause), cause, isOwn)) throw error;
  }
  throw refused(`the end of its child ${workflowType} is not sealed`);
}

function refused(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, PAYLOAD_REFUSED);
}
