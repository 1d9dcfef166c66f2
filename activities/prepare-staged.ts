import { prepareRestore } from '../src/restores/publish-restore.ts';
import { type RestoreStep, readRestorePlan } from '../src/restores/restores.ts';
import { namingDuplicates } from '../src/restores/stage-faults.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';
import { refuseMissing } from './refuse-missing.ts';

/** Builds keys and references of the stages before the gate closes, so that writers wait for less time. */
export function prepareStaged({ db }: ActivityDeps) {
  return async ({ restoreId }: RestoreStep): Promise<void> => {
    const plan = await readRestorePlan(db, restoreId);
    if (plan.status === 'done') return;
    await whileBeating(
      () => undefined,
      async (signal) => {
        await refuseMissing(db, plan);
        await namingDuplicates(db, plan, () =>
          db.transaction(async (tx) => {
            await prepareRestore(tx, plan);
            signal.throwIfAborted();
          }),
        );
      },
    );
  };
}
