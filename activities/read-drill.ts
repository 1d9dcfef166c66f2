import { type DrillOutcome, readDrill as readInLedger } from '../src/restores/drills.ts';
import type { ActivityDeps } from './deps.ts';

/** The result of a drill of a schedule's run. */
export function readDrill({ db }: ActivityDeps) {
  return ({ restoreId }: { readonly restoreId: number }): Promise<DrillOutcome> =>
    readInLedger(db, restoreId);
}
