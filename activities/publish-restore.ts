import { raw } from '@mikro-orm/postgresql';
import { RestoreEntity } from '../src/ledger/restore-entities.ts';
import { FIRST_GROUP_ID, passIds } from '../src/loads/lineage-ids.ts';
import { clearRestore } from '../src/restores/end-restore.ts';
import { publishRestore as publishStages } from '../src/restores/publish-restore.ts';
import {
  lockRestore,
  type RestorePlan,
  type RestoreStep,
  readRestorePlan,
  requireRestore,
  setRestoreStatus,
} from '../src/restores/restores.ts';
import { namingDuplicates } from '../src/restores/stage-faults.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';
import { refuseMissing } from './refuse-missing.ts';

/** Replaces the tables by the stages, marks the restore done and opens the gates, in one transaction. */
export function publishRestore({ db, analyze }: ActivityDeps) {
  return async ({ restoreId }: RestoreStep): Promise<void> => {
    const plan = await readRestorePlan(db, restoreId);
    if (plan.status === 'done') return;
    await setRestoreStatus(db, restoreId, 'publishing');
    await whileBeating(
      () => undefined,
      async (signal) => {
        await passIds(db, await idsOf(db, plan));
        await namingDuplicates(db, plan, () =>
          db.transaction(async (tx) => {
            await lockRestore(tx, restoreId);
            await requireRestore(tx, { restoreId, uid: plan.uid });
            await refuseMissing(tx, plan);
            await publishStages(tx, plan);
            signal.throwIfAborted();
            await tx.em.nativeUpdate(RestoreEntity, restoreId, {
              status: 'done',
              finishedAt: raw('clock_timestamp()'),
            });
            await clearRestore(tx, restoreId);
          }),
        );
      },
    );
    // A copy was analyzed when it was made.
    if (plan.target.as === null) analyze?.(plan.tables.map(({ table }) => table.name));
  };
}

/** The newest load and group of each stage. */
async function idsOf(db: ActivityDeps['db'], { tables }: RestorePlan): Promise<number[]> {
  const ids: number[] = [];
  for (const { stage } of tables) {
    const [newest] = await db.query<{ load: number | null; group: number | null }>(
      `select max(_load_id) filter (where _load_id < $1)::float8 as load, max(_load_id)::float8 as "group" from ${stage}`,
      [FIRST_GROUP_ID],
    );
    ids.push(newest?.load ?? 0, newest?.group ?? 0);
  }
  return ids;
}
