import {
  continueAsNew,
  defineSignal,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { ReportActivities } from '../activities/refresh-report.ts';
import {
  REFRESH,
  type RefreshAsk,
  type RefreshedReport,
  type RefreshReportInput,
  WRITTEN,
} from '../src/reports/contract.ts';
import { REFRESH_VIEW, REFRESHES_A_RUN } from './policies.ts';
import { workerActivities } from './worker-activities.ts';

const workers = workerActivities<ReportActivities>(REFRESH_VIEW);

/**
 * Keeps one report fresh while its tables are written to; started with a signal by each writer:
 *
 *   refresh ─ wait until `everyMs` have passed since it began ─┬─ asked meanwhile: refresh …
 *                                                              └─ else: end
 *
 * It waits also without a request, so that a request during the wait is not served earlier than `everyMs` allows.
 */
export async function refreshReport(input: RefreshReportInput): Promise<RefreshedReport> {
  const { name, everyMs } = input;
  let asked: RefreshAsk | undefined = input.asked;
  setHandler(defineSignal(WRITTEN), () => {
    asked ??= 'written';
  });
  setHandler(defineSignal(REFRESH), () => {
    asked = 'refresh';
  });
  let lastAtMs = input.lastAtMs;
  let version: number | null = null;
  for (let refreshes = 0; ; refreshes++) {
    if (lastAtMs !== undefined) await untilDue(lastAtMs + everyMs);
    if (lastAtMs !== undefined && asked === undefined) return { version };
    if (refreshes === REFRESHES_A_RUN || workflowInfo().continueAsNewSuggested) {
      return continueAsNew<typeof refreshReport>({ name, everyMs, lastAtMs, asked });
    }
    const force = asked === 'refresh';
    asked = undefined;
    lastAtMs = Date.now();
    setCurrentDetails('**refreshing**');
    ({ version } = await workers.refreshReportView({ name, force }));
    if (version === null) return { version };
    setCurrentDetails(`version **${version}**`);
  }
}

/** Sleeps until the time is due; signals don't shorten the wait, they only decide what follows. */
async function untilDue(dueMs: number): Promise<void> {
  const left = dueMs - Date.now();
  if (left > 0) await sleep(left);
}
