import {
  condition,
  continueAsNew,
  defineSignal,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { ArrivalActivities } from '../activities/arrivals.ts';
import { FILE_ENDED, LOOK, type LookAtArrivalInput } from '../src/arrivals/contract.ts';
import { LOOK_THROUGH, LOOKS_A_RUN } from './policies.ts';

const beside = proxyActivities<ArrivalActivities>(LOOK_THROUGH);

/**
 * The looks at one arrival, for as long as it is neither paused nor deleted:
 *
 *   look ─ take files ─ wait until the next is due, or one is asked for ─┬─ look …
 *                           └─ a file has ended: take files, wait on     └─ too many in this run: continue as new
 *
 * What is seen, taken and loading is in the ledger; this only says when.
 */
export async function lookAtArrival(input: LookAtArrivalInput): Promise<void> {
  const { arrivalId } = input;
  const asked = { look: false, take: false };
  setHandler(defineSignal(LOOK), () => {
    asked.look = true;
  });
  setHandler(defineSignal(FILE_ENDED), () => {
    asked.take = true;
  });
  for (let looks = 0; looks < LOOKS_A_RUN && !workflowInfo().continueAsNewSuggested; looks++) {
    asked.look = false;
    const { nextMs } = await beside.lookThrough({ arrivalId });
    if (nextMs === null) {
      // Asked meanwhile: it may have been resumed since it was read.
      if (asked.look) continue;
      return;
    }
    asked.take = false;
    await beside.takeFiles({ arrivalId });
    const due = Date.now() + nextMs;
    setCurrentDetails(`next look at **${new Date(due).toISOString()}**, unless one is asked for before`);
    while (!asked.look) {
      const left = due - Date.now();
      if (left <= 0 || !(await condition(() => asked.look || asked.take, left))) break;
      if (asked.look || workflowInfo().continueAsNewSuggested) break;
      asked.take = false;
      await beside.takeFiles({ arrivalId });
    }
  }
  await continueAsNew<typeof lookAtArrival>(input);
}
