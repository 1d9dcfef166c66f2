import type { Database, Tx } from '../src/db/database.ts';
import { compareStages, countRows, keysNotFound, limitStage } from '../src/restores/compare-stages.ts';
import { comparedFields } from '../src/restores/compared-table.ts';
import { rehearseKeys, rehearseRestore } from '../src/restores/publish-restore.ts';
import type { FieldsBetween, TableChange } from '../src/restores/restore.ts';
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

/** Counts the changes that the restore makes, or would make (`TableChange`), and records them in the ledger. */
export function compareStaged({ db }: ActivityDeps) {
  return async ({ restoreId }: RestoreStep): Promise<readonly TableChange[]> => {
    const plan = await readRestorePlan(db, restoreId);
    // The safety backup, which runs at the same time and takes longer, sets the status: saving.
    if (isCompared(plan) && !plan.target.safety) await setRestoreStatus(db, restoreId, 'comparing');
    return whileBeating(
      () => undefined,
      async (signal) => {
        await refuseMissing(db, plan);
        if (plan.target.between !== undefined) return compareFields(db, plan, plan.target.between);
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
        // Primary keys are row data: they stay in the ledger.
        return changes.map(({ notFound: _, ...counts }) => counts);
      },
    );
  };
}

/** The changes between a backup and a table that may not have the same fields. */
async function compareFields(
  db: Database,
  plan: RestorePlan,
  between: FieldsBetween,
): Promise<readonly TableChange[]> {
  const tables = plan.tables.map((one) => ({ ...one, table: comparedFields(one.table, between) }));
  const compared = { ...plan, tables };
  await namingDuplicates(db, compared, () => rolledBack(db, (tx) => rehearseKeys(tx, compared)));
  const changes = await db.transaction((tx) => compareStages(tx, compared, { references: isSame(between) }));
  await recordChanges(db, plan.id, changes);
  return changes;
}

/** References are looked for where a restore could be made. */
function isSame({ left, added, retyped }: FieldsBetween): boolean {
  return left.length + added.length + retyped.length === 0;
}

/** Counting takes a pass over both sides, which delays a restore, so a whole one counts changes only on request. */
function isCompared({ kind, target }: RestorePlan): boolean {
  return kind === 'dry-run' || target.keys !== null || target.compare === true;
}

/** The changes of a copy, which has no rows before. */
async function besideChanges(tx: Tx, plan: RestorePlan): Promise<TableChange[]> {
  const { saved, table, stage } = plan.tables[0]!;
  const counts = { rowsNow: 0, rowsInBackup: saved.rows, removed: 0, changed: 0, broken: [] };
  const change = { table: plan.target.as ?? table.name, ...counts };
  if (plan.target.keys === null) return [{ ...change, added: saved.rows }];
  await limitStage(tx, plan);
  const [row] = await tx.query<{ n: number }>(`select count(*)::float8 as n from ${stage}`);
  return [{ ...change, added: row?.n ?? 0, notFound: await keysNotFound(tx, table, [stage]) }];
}
