import { type ScheduleOptionsAction, ScheduleOverlapPolicy } from '@temporalio/client';
import type { Installation } from '../installation/installation.ts';
import { REFRESH_ON_SCHEDULE, type RefreshOnScheduleInput } from '../reports/contract.ts';
import type { Report } from '../reports/report.ts';
import { KIND_ATTRIBUTE } from '../temporal/search-attributes.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import { type ScheduleBook, temporalIdOf, type Wanted } from './schedule-book.ts';

type Scheduled = Pick<Report, 'name' | 'refreshSeconds'>;

/** After downtime one run is enough: it finds all that has changed. */
const CATCHUP = '1 minute';

/**
 * Updates the schedules of reports from their files, and removes those whose report has gone. Pauses and notes stay.
 * Safe to call from several processes at once.
 */
export async function ensureReportSchedules(
  { book, installation }: { readonly book: ScheduleBook; readonly installation: Installation },
  reports: readonly Scheduled[],
): Promise<void> {
  try {
    for (const id of await book.ids('report')) {
      if (!reports.some(({ name }) => name === id)) await book.remove({ kind: 'report', id });
    }
    for (const report of reports) await ensureSchedule(book, installation, report);
  } catch (error) {
    throw translateTemporal(error);
  }
}

async function ensureSchedule(
  book: ScheduleBook,
  installation: Installation,
  report: Scheduled,
): Promise<void> {
  const key = { kind: 'report', id: report.name } as const;
  const wanted = wantedOf(installation, report);
  const found = await book.find(key);
  if (found === null) {
    await book.create(key, wanted);
    return;
  }
  const everyMs = report.refreshSeconds * 1000;
  if (found.spec.intervals?.length === 1 && found.spec.intervals[0]?.every === everyMs) return;
  await book.change(key, ({ state }) => ({ ...wanted, state }));
}

function wantedOf(installation: Installation, { name, refreshSeconds }: Scheduled): Wanted {
  return {
    spec: { intervals: [{ every: refreshSeconds * 1000 }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCHUP },
    action: refreshAction(installation, { name }),
  };
}

/** The action of a report's schedule. */
export function refreshAction(
  installation: Installation,
  input: RefreshOnScheduleInput,
): ScheduleOptionsAction {
  const { name } = input;
  return {
    type: 'startWorkflow',
    workflowType: REFRESH_ON_SCHEDULE,
    workflowId: temporalIdOf(installation, { kind: 'report', id: name }),
    taskQueue: installation.queue,
    args: [input],
    typedSearchAttributes: [{ key: KIND_ATTRIBUTE, value: 'refresh' }],
    staticSummary: `Schedule of report ${name}`,
    staticDetails: `Asks for a refresh of report **${name}** when something has changed`,
  };
}
