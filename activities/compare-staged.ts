import type { Tx } from '../src/db/database.ts';
import { compareStages, countRows, keysNotFound, limitStage } from '../src/restores/compare-stages.ts';
import { rehearseRestore } from '../src/restores/publish-restore.ts';
import type { TableChange } from '../src/restores/restore.ts';
import {
  type RestorePlan,
  type RestoreStep,
  readRestorePlan,
  recordChanges,
  setRestoreStatus,
} from '../src/restores/restores.ts';
import { namingDuplicates } from '../src/restores/stage-faults.ts';
import type { ActivityDeps } from './deps.ts';
import { whileBeating } from './heartbeats.ts';
import { refuseMissing } from './refuse-missing.ts';
import { rolledBack } from './rolled-back.ts';

/** Counts what the restore changes, or would change (`TableChange`), and writes it into the ledger. */
export function compareStaged({ db }: ActivityDeps) {
  return async ({ restoreId }: RestoreStep): Promise<readonly TableChange[]> => {
    const plan = await readRestorePlan(db, restoreId);
    // With a safety backup, which runs at the same time and takes longer, the status is its own: saving.
    if (isCompared(plan) && !plan.target.safety) await setRestoreStatus(db, restoreId, 'comparing');
    return whileBeating(
      () => undefined,
      async (signal) => {
        await refuseMissing(db, plan);
        if (plan.kind === 'dry-run') {
          await namingDuplicates(db, plan, () => rolledBack(db, (tx) => rehearseRestore(tx, plan)));
        }
        signal.throwIfAborted();
        const changes = await db.transaction(async (tx) => {
          if (plan.target.as !== null) return besideChanges(tx, plan);
          if (!isCompared(plan)) return countRows(tx, plan);
          await limitStage(tx, plan);
          return compareStages(tx, plan, { references: plan.kind === 'dry-run' });
        });
        signal.throwIfAborted();
        await recordChanges(db, restoreId, changes);
        // Keys are values of rows: they stay in the ledger.
        return changes.map(({ notFound: _, ...counts }) => counts);
      },
    );
  };
}

/** A pass over both sides is what a restore would wait for, so a whole one counts changes only when it is asked to. */
function isCompared({ kind, target }: RestorePlan): boolean {
  return kind === 'dry-run' || target.keys !== null || target.compare === true;
}

/** Under another name nothing is there before. */
async function besideChanges(tx: Tx, plan: RestorePlan): Promise<TableChange[]> {
  const { saved, table, stage } = plan.tables[0]!;
  const counts = { rowsNow: 0, rowsInBackup: saved.rows, removed: 0, changed: 0, broken: [] };
  const change = { table: plan.target.as ?? table.name, ...counts };
  if (plan.target.keys === null) return [{ ...change, added: saved.rows }];
  await limitStage(tx, plan);
  const [row] = await tx.query<{ n: number }>(`select count(*)::float8 as n from ${stage}`);
  return [{ ...change, added: row?.n ?? 0, notFound: await keysNotFound(tx, table, [stage]) }];
}
