import { Context } from '@temporalio/activity';
import { messageOf } from '../src/runtime/log-fields.ts';
import type { Slices } from '../src/tidy/slices.ts';
import { deleteOldBatches, deleteOldBatchRejects } from '../src/tidy/tidy-batches.ts';
import { deleteFailedBackups, deleteOldAudit, deleteOldRestores } from '../src/tidy/tidy-entries.ts';
import { deleteOldLoadRejects, deleteOldLoads } from '../src/tidy/tidy-loads.ts';
import { attemptDatabase } from './attempt-database.ts';
import type { ActivityDeps } from './deps.ts';
import { failing } from './failures.ts';

/** The age from which entries are old. An object, as every input is. */
export interface OlderThan {
  readonly days: number;
}

/**
 * Activities of the ledger's schedule, in the API's process. Each returns the number of deleted entries. A retry goes on
 * with the rest, and counts only that.
 */
export function createTidyActivities({ db: given, storage }: Pick<ActivityDeps, 'db' | 'storage'>) {
  const db = attemptDatabase(given);
  const tidying = (work: (slices: Slices) => Promise<number>) =>
    failing(({ days }: OlderThan) => work({ days, between: beat }));
  return {
    deleteOldRejects: tidying(
      async (slices) => (await deleteOldLoadRejects(db, slices)) + (await deleteOldBatchRejects(db, slices)),
    ),
    deleteOldLoads: tidying((slices) => deleteOldLoads(db, slices)),
    deleteOldBatches: tidying((slices) => deleteOldBatches(db, slices)),
    deleteOldRestores: tidying((slices) => deleteOldRestores(db, slices)),
    deleteFailedBackups: tidying((slices) => deleteFailedBackups({ db, storage }, slices, tellLeft)),
    deleteOldAudit: tidying((slices) => deleteOldAudit(db, slices)),
  };
}

function tellLeft(backupId: string, error: unknown): void {
  const { log } = Context.current();
  log.warn(`The entry of backup ${backupId} stays until its files can be deleted`, {
    reason: messageOf(error),
  });
}

function beat(deleted: number): void {
  const context = Context.current();
  context.heartbeat({ deleted });
  context.cancellationSignal.throwIfAborted();
}

export type TidyActivities = ReturnType<typeof createTidyActivities>;
