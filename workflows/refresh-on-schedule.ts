import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type { AskActivities } from '../activities/ask-refresh.ts';
import type { AskedRefresh, RefreshOnScheduleInput } from '../src/reports/contract.ts';
import { LEDGER } from './policies.ts';

const { askRefresh } = proxyActivities<AskActivities>(LEDGER);

/** A run of a report's schedule: requests a refresh when something has changed, also by other programs. */
export async function refreshOnSchedule(input: RefreshOnScheduleInput): Promise<AskedRefresh> {
  const asked = await askRefresh(input);
  setCurrentDetails(asked.asked ? `asked **refresh-${input.name}**` : 'nothing has changed');
  return asked;
}
