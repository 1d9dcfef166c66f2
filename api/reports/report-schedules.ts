import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
  type ScheduleOptionsAction,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { Logger } from 'pino';
import type { Report } from '../../src/reports/report.ts';
import { KIND_ATTRIBUTE } from '../../src/temporal/search-attributes.ts';
import {
  REFRESH_ON_SCHEDULE,
  type RefreshOnScheduleInput,
  WORKFLOW_QUEUE,
} from '../../workflows/contract.ts';
import { translateTemporal } from '../load-workflows.ts';

type Scheduled = Pick<Report, 'name' | 'refreshSeconds'>;

/** After a pause one run is enough: it finds all that has changed. */
const CATCHUP = '1 minute';

/**
 * Makes the Temporal Schedules of the reports what their files say, and removes those whose report has gone. Someone's
 * pause and note stay. Safe to call from several processes at once.
 */
export async function ensureReportSchedules(
  client: Client,
  reports: readonly Scheduled[],
  log: Logger,
): Promise<void> {
  try {
    const wanted = new Set(reports.map(({ name }) => scheduleIdOf(name)));
    for await (const { scheduleId, action } of client.schedule.list()) {
      if (action?.workflowType === REFRESH_ON_SCHEDULE && !wanted.has(scheduleId)) {
        await client.schedule.getHandle(scheduleId).delete().catch(unlessGone);
      }
    }
    for (const report of reports) await ensureSchedule(client, report, log);
  } catch (error) {
    throw translateTemporal(error);
  }
}

export function scheduleIdOf(name: string): string {
  return `report-${name}`;
}

async function ensureSchedule(client: Client, report: Scheduled, log: Logger): Promise<void> {
  const options = optionsOf(report);
  const handle = client.schedule.getHandle(options.scheduleId);
  try {
    const { action, spec } = await handle.describe();
    if (action.workflowType !== REFRESH_ON_SCHEDULE) {
      log.warn(`Report ${report.name} has no schedule: ${options.scheduleId} is the ID of another one`);
      return;
    }
    const everyMs = report.refreshSeconds * 1000;
    if (spec.intervals?.length === 1 && spec.intervals[0]?.every === everyMs) return;
    const { policies, spec: newSpec, action: newAction } = options;
    await handle.update(({ state }) => ({ spec: newSpec, action: newAction, policies, state }));
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    await client.schedule.create(options).catch((failure) => {
      if (!(failure instanceof ScheduleAlreadyRunning)) throw failure;
    });
  }
}

function optionsOf({
  name,
  refreshSeconds,
}: Scheduled): ScheduleOptions & { readonly action: ScheduleOptionsAction } {
  return {
    scheduleId: scheduleIdOf(name),
    spec: { intervals: [{ every: refreshSeconds * 1000 }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCHUP },
    action: {
      type: 'startWorkflow',
      workflowType: REFRESH_ON_SCHEDULE,
      workflowId: scheduleIdOf(name),
      taskQueue: WORKFLOW_QUEUE,
      args: [{ name } satisfies RefreshOnScheduleInput],
      typedSearchAttributes: [{ key: KIND_ATTRIBUTE, value: 'refresh' }],
      staticSummary: `Schedule of report ${name}`,
      staticDetails: `Asks for a refresh of report **${name}** when something has changed`,
    },
  };
}

function unlessGone(error: unknown): void {
  if (!(error instanceof ScheduleNotFoundError)) throw error;
}
