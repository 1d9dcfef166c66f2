import { isDeepStrictEqual } from 'node:util';
import { type ScheduleOptionsAction, ScheduleOverlapPolicy } from '@temporalio/client';
import type { Installation } from '../installation/installation.ts';
import { isAnythingOld, type LedgerAges } from '../ledger-ages.ts';
import { KIND_ATTRIBUTE } from '../temporal/search-attributes.ts';
import { translateTemporal } from '../temporal/translate-temporal.ts';
import { TIDY_LEDGER } from '../tidy/contract.ts';
import { type ScheduleBook, temporalIdOf, type Wanted } from './schedule-book.ts';

const KEY = { kind: 'tidy', id: 'ledger' } as const;
const DAY_MS = 86_400_000;
/** Time of day, in UTC. */
const AT_MS = 3 * 3_600_000;
const CATCHUP = '1 day';

/**
 * Updates the schedule that deletes old entries of the ledger from the configuration, whose ages are the input of its
 * runs. Where nothing is ever deleted there is no schedule. Pauses, notes and times that people set stay.
 */
export async function ensureTidySchedule(
  { book, installation }: { readonly book: ScheduleBook; readonly installation: Installation },
  ages: LedgerAges,
): Promise<void> {
  try {
    if (!isAnythingOld(ages)) {
      await book.remove(KEY);
      return;
    }
    const action = tidyAction(installation, ages);
    const found = await book.find(KEY);
    if (found === null) await book.create(KEY, wantedOf(action));
    else if (!isDeepStrictEqual(found.action.args?.[0], ages)) {
      await book.change(KEY, ({ spec, policies, state }) => ({ spec, policies, state, action }));
    }
  } catch (error) {
    throw translateTemporal(error);
  }
}

function wantedOf(action: ScheduleOptionsAction): Wanted {
  return {
    spec: { intervals: [{ every: DAY_MS, offset: AT_MS }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCHUP },
    action,
  };
}

/** The schedule's action. */
export function tidyAction(installation: Installation, ages: LedgerAges): ScheduleOptionsAction {
  return {
    type: 'startWorkflow',
    workflowType: TIDY_LEDGER,
    workflowId: temporalIdOf(installation, KEY),
    taskQueue: installation.queue,
    args: [ages],
    typedSearchAttributes: [{ key: KIND_ATTRIBUTE, value: 'tidy' }],
    staticSummary: 'Delete what is old in the ledger',
    staticDetails: `Rejects after ${daysText(ages.rejectsDays)}, loads and batches after ${daysText(ages.ledgerDays)}, the audit log after ${daysText(ages.auditDays)}`,
  };
}

function daysText(days: number): string {
  return days === 0 ? 'no time (kept for ever)' : `${days} days`;
}
