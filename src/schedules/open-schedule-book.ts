import type { RefreshOnScheduleInput } from '../reports/contract.ts';
import type { TidyLedgerInput } from '../tidy/contract.ts';
import { refreshAction } from './report-schedules.ts';
import { ScheduleBook, type ScheduleBookDeps } from './schedule-book.ts';
import { actionOfArgs } from './temporal-schedules.ts';
import { tidyAction } from './tidy-schedule.ts';

/** The schedules of every kind, with what each starts. */
export function openScheduleBook(deps: ScheduleBookDeps): ScheduleBook {
  const { installation } = deps;
  return new ScheduleBook(deps, {
    runs: (args, id) => actionOfArgs(installation, id, args),
    report: ([input]) => refreshAction(installation, input as RefreshOnScheduleInput),
    tidy: ([input]) => tidyAction(installation, input as TidyLedgerInput),
  });
}
