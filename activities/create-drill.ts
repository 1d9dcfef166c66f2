import { createDrill as createInLedger } from '../src/restores/drills.ts';
import { readRestore, uidOfRestore } from '../src/restores/restores.ts';
import { type ScheduledRun, startedByRun } from '../src/schedules/run-ids.ts';
import type { DictionaryDeps } from './deps.ts';

export interface ScheduledDrill {
  readonly restoreId: number;
  /** Absent in older histories. */
  readonly uid?: string;
  readonly workflowId: string;
}

/** Records a drill of a schedule's run. Idempotent. */
export function createDrill({ db, dictionary }: DictionaryDeps) {
  return async ({
    backupId,
    run,
  }: {
    readonly backupId: string;
    readonly run: ScheduledRun;
  }): Promise<ScheduledDrill> => {
    const restoreId = await createInLedger(db, {
      backupId,
      dictionary: await dictionary.look(),
      startedBy: startedByRun(run),
    });
    const uid = await uidOfRestore(db, restoreId);
    const { workflowId } = await readRestore(db, restoreId);
    return { restoreId, uid, workflowId };
  };
}
