import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
  type ScheduleOptionsAction,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { Logger } from 'pino';
import type { Installation } from '../../src/installation/installation.ts';
import { nameIn } from '../../src/installation/names.ts';
import type { Report } from '../../src/reports/report.ts';
import { KIND_ATTRIBUTE } from '../../src/temporal/search-attributes.ts';
import { REFRESH_ON_SCHEDULE, type RefreshOnScheduleInput } from '../../workflows/contract.ts';
import { translateTemporal } from '../load-workflows.ts';

type Scheduled = Pick<Report, 'name' | 'refreshSeconds'>;

/** After a pause one run is enough: it finds all that has changed. */
const CATCHUP = '1 minute';

/**
 * Makes the Temporal Schedules of the reports what their files say, and removes those whose report has gone. Someone's
 * pause and note stay. Safe to call from several processes at once.
 */
export async function ensureReportSchedules(
  deps: ReportScheduler,
  reports: readonly Scheduled[],
): Promise<void> {
  const { client, installation } = deps;
  try {
    const wanted = new Set(reports.map(({ name }) => scheduleIdOf(installation, name)));
    const ours = scheduleIdOf(installation, '');
    for await (const { scheduleId, action } of client.schedule.list()) {
      if (action?.workflowType !== REFRESH_ON_SCHEDULE || !scheduleId.startsWith(ours)) continue;
      if (!wanted.has(scheduleId)) await client.schedule.getHandle(scheduleId).delete().catch(unlessGone);
    }
    for (const report of reports) await ensureSchedule(deps, report);
  } catch (error) {
    throw translateTemporal(error);
  }
}

export interface ReportScheduler {
  readonly client: Client;
  readonly installation: Pick<Installation, 'id' | 'queue'>;
  readonly log: Logger;
}

/** The schedule's ID in Temporal. */
export function scheduleIdOf({ id }: Pick<Installation, 'id'>, name: string): string {
  return nameIn(id, `report-${name}`);
}

async function ensureSchedule(
  { client, installation, log }: ReportScheduler,
  report: Scheduled,
): Promise<void> {
  const options = optionsOf(installation, report);
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

function optionsOf(
  installation: Pick<Installation, 'id' | 'queue'>,
  { name, refreshSeconds }: Scheduled,
): ScheduleOptions & { readonly action: ScheduleOptionsAction } {
  const scheduleId = scheduleIdOf(installation, name);
  return {
    scheduleId,
    spec: { intervals: [{ every: refreshSeconds * 1000 }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCHUP },
    action: {
      type: 'startWorkflow',
      workflowType: REFRESH_ON_SCHEDULE,
      workflowId: scheduleId,
      taskQueue: installation.queue,
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
