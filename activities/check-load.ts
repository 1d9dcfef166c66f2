import { readLoadPlan, setLoadStatus } from '../src/ledger/loads.ts';
import { checkStage } from '../src/publish/check-stage.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';
import { quoteRejects } from './quote-rejects.ts';

/**
 * Finds the rows whose keys or references don't hold, and makes rejects of them. Only asked for when publishing has
 * found that there are some. A second attempt finds what the first one left.
 */
export function checkLoad(deps: ActivityDeps) {
  return ({ loadId }: { readonly loadId: number }): Promise<{ readonly rejected: number }> =>
    whileBeating(
      () => undefined,
      async (signal) => {
        const plan = await readLoadPlan(deps.db, loadId);
        await setLoadStatus(deps.db, loadId, 'checking');
        const rejected = await deps.db.transaction((tx) => checkStage(tx, plan.table, plan.mode, loadId));
        await quoteRejects(deps, plan, signal);
        return { rejected };
      },
    );
}
