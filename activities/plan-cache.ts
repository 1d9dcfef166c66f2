import { LRUCache } from 'lru-cache';
import { absentInFile, columnsOfFile } from '../src/dictionary/columns-of-file.ts';
import { partialTable } from '../src/dictionary/partial-table.ts';
import { type LoadPlan, type LoadStep, readLoadPlan } from '../src/loads/loads.ts';
import { compileTable } from '../src/rows/compile-table.ts';
import type { CompiledTable } from '../src/rows/contract.ts';
import type { ActivityDeps } from './deps.ts';

/** A surveyed load's plan with its rules compiled: made once a process, used by every chunk. */
export interface CompiledPlan {
  readonly plan: LoadPlan;
  readonly compiled: CompiledTable;
  readonly columns: readonly number[];
  readonly width: number;
}

const MAX_CACHED = 16;

/** Caches the plans of the last loads; only properties that are constant once a load is surveyed are used from it. */
export function planCache({
  db,
}: Pick<ActivityDeps, 'db'>): (load: Required<Omit<LoadStep, 'short'>>) => Promise<CompiledPlan> {
  // Cached by a unique ID: a ledger that was restored from an older copy assigns numbers again.
  const plans = new LRUCache<string, CompiledPlan>({ max: MAX_CACHED });
  return async (load) => {
    const { uid } = load;
    const cached = plans.get(uid);
    if (cached) return cached;
    const plan = await readLoadPlan(db, load);
    const made = {
      plan,
      compiled: compileTable(partialTable(plan.table, absentInFile(plan))),
      ...columnsOfFile(plan),
    };
    plans.set(uid, made);
    return made;
  };
}
