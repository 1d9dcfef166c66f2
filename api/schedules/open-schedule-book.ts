import type { RefreshOnScheduleInput, RunScheduleInput } from '../../workflows/contract.ts';
import { refreshAction } from '../reports/report-schedules.ts';
import { ScheduleBook, type ScheduleBookDeps } from './schedule-book.ts';
import { actionOf } from './temporal-schedules.ts';

/** The schedules of both kinds, with what each starts. */
export function openScheduleBook(deps: ScheduleBookDeps): ScheduleBook {
  const { installation } = deps;
  return new ScheduleBook(deps, {
    runs: ([input]) => actionOf(installation, input as RunScheduleInput),
    report: ([input]) => refreshAction(installation, input as RefreshOnScheduleInput),
  });
}
