import { uncovered } from '../src/backups/uncovered.ts';
import type { Proof } from '../src/restores/end-restore.ts';
import { fitStages } from '../src/restores/fit-stages.ts';
import { proveStages } from '../src/restores/prove-stages.ts';
import { type RestoreStep, readRestorePlan, setRestoreStatus } from '../src/restores/restores.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';
import { refuseMissing } from './refuse-missing.ts';
import { rolledBack } from './rolled-back.ts';

/**
 * Reads the staged tables back and builds their keys and references, says whether they fit the dictionary of today, and
 * leaves the stages as they were.
 */
export function proveStaged(deps: ActivityDeps) {
  const { db } = deps;
  return async ({ restoreId }: RestoreStep): Promise<Proof> => {
    const plan = await readRestorePlan(db, restoreId);
    await setRestoreStatus(db, restoreId, 'comparing');
    return whileBeating(
      () => undefined,
      async (signal) => {
        await refuseMissing(db, plan);
        return rolledBack(db, async (tx) => {
          const proof = await proveStages(tx, plan.tables, signal);
          if (plan.today === null || proof.faults.length > 0) return proof;
          const misfits = await fitStages(deps, tx, plan, plan.today, signal);
          return { ...proof, misfits, warnings: await uncovered(tx, plan.today, plan.today) };
        });
      },
    );
  };
}
