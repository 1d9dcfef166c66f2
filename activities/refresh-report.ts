import type { RefreshedReport } from '../src/reports/contract.ts';
import { refreshView } from '../src/reports/refresh-view.ts';
import { attemptDatabase } from './attempt-database.ts';
import type { ActivityDeps } from './deps.ts';
import { failing } from './failures.ts';
import { whileBeating } from './heartbeats.ts';

export interface RefreshViewInput {
  readonly name: string;
  /** Refresh also when the ledger has nothing new. */
  readonly force: boolean;
}

/** Activities that refresh reports, run by workers. */
export function createReportActivities(deps: Pick<ActivityDeps, 'db'>) {
  const db = attemptDatabase(deps.db);
  return {
    refreshReportView: failing(
      ({ name, force }: RefreshViewInput): Promise<RefreshedReport> =>
        whileBeating(
          () => undefined,
          async (signal) => ({ version: await refreshView(db, name, { force, signal }) }),
        ),
    ),
  };
}

export type ReportActivities = ReturnType<typeof createReportActivities>;
