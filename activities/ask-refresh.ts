import type { AskedRefresh, RefreshOnScheduleInput } from '../src/reports/contract.ts';
import { failing } from './failures.ts';

export interface AskActivityDeps {
  /** Requests a refresh when the report's tables have changed since the last one, also by other programs. */
  readonly askIfChanged: (name: string) => Promise<boolean>;
}

/** What runs of reports' schedules do, in the API's process, which has Temporal's client. */
export function createAskActivities({ askIfChanged }: AskActivityDeps) {
  return {
    askRefresh: failing(
      async ({ name }: RefreshOnScheduleInput): Promise<AskedRefresh> => ({
        asked: await askIfChanged(name),
      }),
    ),
  };
}

export type AskActivities = ReturnType<typeof createAskActivities>;
