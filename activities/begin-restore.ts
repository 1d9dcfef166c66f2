import { Context } from '@temporalio/activity';
import { manifestDoubt } from '../src/backups/manifest.ts';
import { LongshoreError } from '../src/errors.ts';
import { noteFirstRun } from '../src/jobs/start-job.ts';
import { makeStage } from '../src/publish/stage.ts';
import type { RestoreKind, RestoreTarget } from '../src/restores/restore.ts';
import {
  lockRestore,
  type RestorePlan,
  type RestoreStep,
  readRestorePlan,
  setRestoreStatus,
} from '../src/restores/restores.ts';
import type { ActivityDeps } from './deps.ts';
import type { StagePartInput } from './stage-part.ts';

export interface BegunRestore {
  readonly kind: RestoreKind;
  readonly target: RestoreTarget;
  readonly parts: readonly Omit<StagePartInput, keyof RestoreStep>[];
  readonly rows: number;
}

/** Checks the manifest and makes the stages. @throws `restore-state` when the restore has ended */
export function beginRestore({ db, storage }: ActivityDeps) {
  return async ({ restoreId }: RestoreStep): Promise<BegunRestore> => {
    const plan = await readRestorePlan(db, restoreId);
    // A restore follows the ledger's copy of the manifest; an unverified backup has no better one.
    const { id, manifestSha256 } = plan.backup;
    const changed = plan.target.acceptUnverified ? null : await manifestDoubt(storage, id, manifestSha256);
    if (changed) throw new LongshoreError('backup-damaged', changed.detail);
    await db.transaction(async (tx) => {
      await lockRestore(tx, restoreId);
      for (const { table, stage } of plan.tables) await makeStage(tx, table, stage);
    });
    await setRestoreStatus(db, restoreId, 'staging');
    await noteFirstRun(db.ledger, 'restore', Context.current().info.workflowExecution!);
    return begunOf(plan);
  };
}

function begunOf({ kind, target, tables }: RestorePlan): BegunRestore {
  const parts = tables.flatMap(({ table, saved }) =>
    saved.parts.map((_, partNo) => ({ table: table.name, partNo })),
  );
  return { kind, target, parts, rows: tables.reduce((sum, { saved }) => sum + saved.rows, 0) };
}
