import type { RefreshedReport } from '../src/reports/contract.ts';
import { refreshView } from '../src/reports/refresh-view.ts';
import { attemptDatabase } from './attempt-database.ts';
import type { ActivityDeps } from './deps.ts';
import { failing } from './failures.ts';
import { whileBeating } from './heartbeats.ts';

export interface RefreshViewInput {
  readonly name: string;
  /** Also when the ledger knows of nothing new. */
  readonly force: boolean;
}

/** What keeps reports fresh: workers run it. */
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
