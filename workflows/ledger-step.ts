import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { LedgerActivities } from '../activities/index.ts';
import { mayPass } from './failure-reason.ts';
import { LEDGER, LEDGER_AT_ONCE } from './policies.ts';

const retried = proxyActivities<LedgerActivities>(LEDGER);
const atOnce = proxyLocalActivities<LedgerActivities>(LEDGER_AT_ONCE);

/**
 * A short step on the ledger: once in the process that runs the workflow, without a word to Temporal; when that fails of
 * what may pass, as an activity that is retried for as long as it takes, and that Temporal shows meanwhile.
 *
 * @param local false: as an activity at once, as older workflows have it in their histories
 */
export function ledgerStep<Name extends keyof LedgerActivities>(
  name: Name,
  local: boolean,
): LedgerActivities[Name] {
  type Step = (input: unknown) => Promise<unknown>;
  const step: Step = async (input) => {
    if (local) {
      try {
        return await (atOnce[name] as Step)(input);
      } catch (error) {
        if (!mayPass(error)) throw error;
      }
    }
    return (retried[name] as Step)(input);
  };
  return step as LedgerActivities[Name];
}
