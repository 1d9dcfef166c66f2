import { hasEnded } from '../src/jobs/job.ts';
import { type LoadStep, loadAhead, readLoadPlan, setLoadStatus } from '../src/loads/loads.ts';
import type { ActivityDeps } from './deps.ts';

export type Turn =
  | { readonly state: 'wait'; readonly behind: number }
  /** `charted`: surveyed already; named as in the histories of earlier loads. */
  | { readonly state: 'go'; readonly charted: boolean; readonly source: string; readonly paused: boolean }
  | { readonly state: 'over' };

/** Loads of one table go one after the other, in the order of their IDs. Says `wait` until those before have ended. */
export function takeTurn({ db }: ActivityDeps) {
  return async (step: LoadStep): Promise<Turn> => {
    const plan = await readLoadPlan(db, step);
    if (hasEnded(plan)) return { state: 'over' };
    const behind = await loadAhead(db, step.loadId);
    if (behind !== null) {
      await setLoadStatus(db, step, 'queued');
      return { state: 'wait', behind };
    }
    return { state: 'go', charted: plan.chunks !== null, source: plan.sourceKey, paused: plan.paused };
  };
}
