import { absentInFile, columnsOfFile } from '../src/dictionary/columns-of-file.ts';
import { partialTable } from '../src/dictionary/partial-table.ts';
import { LongshoreError } from '../src/errors.ts';
import { type LoadStep, readLoadPlan, setLoadStatus } from '../src/loads/loads.ts';
import { makeStage, stageName } from '../src/publish/stage.ts';
import type { MaxRejects } from '../src/types.ts';
import type { ActivityDeps } from './deps.ts';

export interface BegunLoad {
  /** How many the file has. */
  readonly chunks: number;
  readonly bytes: number;
  readonly maxRejects: MaxRejects | null;
}

/** Checks that the file fits the table and makes the stage. */
export function beginLoad({ db }: ActivityDeps) {
  return async (step: LoadStep): Promise<BegunLoad> => {
    const { loadId } = step;
    const plan = await readLoadPlan(db, step);
    if (!plan.chunks) throw new LongshoreError('internal', `load ${loadId} is not surveyed`);
    if (plan.mode === 'merge' && plan.table.primaryKey.length === 0) {
      throw new LongshoreError('merge-needs-key', `${plan.table.name} has no primary key`);
    }
    columnsOfFile(plan);
    await makeStage(db, partialTable(plan.table, absentInFile(plan)), stageName(loadId), loadId);
    await setLoadStatus(db, step, 'loading');
    return {
      chunks: plan.chunks.length,
      bytes: plan.chunks.reduce((sum, chunk) => sum + chunk.endByte - chunk.startByte, 0),
      maxRejects: plan.maxRejects,
    };
  };
}
