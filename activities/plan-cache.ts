import { columnsWithoutHeader, matchHeader } from '../src/dictionary/match-header.ts';
import { type LoadPlan, readLoadPlan } from '../src/ledger/loads.ts';
import { compileTable } from '../src/rows/compile-table.ts';
import type { CompiledTable } from '../src/rows/contract.ts';
import type { ActivityDeps } from './deps.ts';

/** A charted load's plan with its rules compiled: made once a process, used by every chunk. */
export interface CompiledPlan {
  readonly plan: LoadPlan;
  readonly compiled: CompiledTable;
  readonly columns: readonly number[];
  readonly width: number;
}

const MAX_CACHED = 16;

/** Remembers the plans of the last loads; only what can't change any more once a load is charted is used from it. */
export function planCache({ db }: Pick<ActivityDeps, 'db'>): (loadId: number) => Promise<CompiledPlan> {
  const plans = new Map<number, CompiledPlan>();
  return async (loadId) => {
    const cached = plans.get(loadId);
    if (cached) return cached;
    const plan = await readLoadPlan(db, loadId);
    const made = { plan, compiled: compileTable(plan.table), ...columnsOfFile(plan) };
    if (plans.size >= MAX_CACHED) plans.delete(plans.keys().next().value ?? loadId);
    plans.set(loadId, made);
    return made;
  };
}

/** @throws LongshoreError `header-mismatch` */
export function columnsOfFile(plan: Pick<LoadPlan, 'table' | 'header'>) {
  return plan.header ? matchHeader(plan.table, plan.header) : columnsWithoutHeader(plan.table);
}
