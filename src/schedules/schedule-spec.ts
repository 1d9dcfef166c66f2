import {
  type CalendarSpecDescription,
  DAYS_OF_WEEK,
  MONTHS,
  type ScheduleSpec,
  type ScheduleSpecDescription,
} from '@temporalio/client';
import { clockWarnings, runsAfterGaps } from './clock-changes.ts';
import { type CronRange, formatCron } from './cron.ts';
import type { ScheduleChange } from './schedule.ts';

/** Converts cron expressions to and from Temporal's calendars, which don't keep the text. */

/**
 * The cron expression for a schedule's times; null when there is none: seconds, years, intervals, several calendars,
 * excluded days, or both a day of the month and of the week, which people can set in Temporal.
 */
export function cronOf(spec: ScheduleSpecDescription): string | null {
  const [calendar, ...more] = (spec.calendars ?? []).filter(({ comment }) => comment !== AFTER_GAP);
  if (calendar === undefined || more.length > 0) return null;
  if ((spec.intervals ?? []).length > 0 || (spec.skip ?? []).length > 0) return null;
  if (calendar.year.length > 0 || !isZero(calendar.second)) return null;
  const cron = formatCron(fieldsOf(calendar));
  const [, , dayOfMonth, , dayOfWeek] = cron.split(' ');
  return dayOfMonth !== '*' && dayOfWeek !== '*' ? null : cron;
}

function fieldsOf(calendar: CalendarSpecDescription): readonly (readonly CronRange[])[] {
  return [
    calendar.minute,
    calendar.hour,
    calendar.dayOfMonth,
    calendar.month.map((range) => numbered(range, MONTHS, 1)),
    calendar.dayOfWeek.map((range) => numbered(range, DAYS_OF_WEEK, 0)),
  ];
}

function numbered<Name extends string>(
  range: { readonly start: Name; readonly end: Name; readonly step: number },
  names: readonly Name[],
  from: number,
): CronRange {
  return { start: names.indexOf(range.start) + from, end: names.indexOf(range.end) + from, step: range.step };
}

function isZero(ranges: readonly CronRange[]): boolean {
  return ranges.length === 0 || ranges.every(({ start, end }) => start === 0 && end === 0);
}

export function timezoneOf(spec: ScheduleSpecDescription): string {
  return spec.timezone === undefined || spec.timezone === '' ? 'UTC' : spec.timezone;
}

/** Comment of the calendars for moments right after a gap: they belong to the expression. */
const AFTER_GAP = 'Longshore: clocks go forward';
/** Clocks are changed by law, so that a later year is a guess. */
const GAP_YEARS = 10;

/** A schedule's times: the expression, and where it has times in gaps of the zone's clock the moments after them. */
export function specOf(cron: string, timezone: string, now = Date.now()): ScheduleSpec {
  const calendars = runsAfterGaps(cron, timezone, now, GAP_YEARS).map(({ month, day, ...rest }) => ({
    ...rest,
    month: MONTHS[month - 1]!,
    dayOfMonth: day,
    comment: AFTER_GAP,
  }));
  return { cronExpressions: [cron], timezone, ...(calendars.length > 0 && { calendars }) };
}

/** What people should know of the schedule's times when clocks change. */
export function warningsOf(spec: ScheduleSpecDescription, now = Date.now()): readonly string[] {
  const cron = cronOf(spec);
  if (cron === null || !isKnownZone(timezoneOf(spec))) return [];
  const runsAfter = (spec.calendars ?? [])
    .filter(({ comment }) => comment === AFTER_GAP)
    .map(({ year, month, dayOfMonth, hour, minute }) => ({
      year: year[0]?.start ?? 0,
      month: MONTHS.indexOf(month[0]?.start ?? 'JANUARY') + 1,
      day: dayOfMonth[0]?.start ?? 0,
      hour: hour[0]?.start ?? 0,
      minute: minute[0]?.start ?? 0,
    }));
  return clockWarnings(cron, timezoneOf(spec), now, runsAfter);
}

/** The spec with another cron expression or time zone. Other settings in Temporal (an end, jitter) stay. */
export function changedSpec(
  before: ScheduleSpecDescription,
  { cron, timezone = timezoneOf(before) }: ScheduleChange,
): ScheduleSpec {
  const wanted = cron ?? cronOf(before);
  if (wanted === null) return { ...before, timezone };
  return { ...before, calendars: [], intervals: [], skip: [], ...specOf(wanted, timezone) };
}

/** Temporal's zones may be newer than those of this process. */
function isKnownZone(timezone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: timezone });
    return true;
  } catch {
    return false;
  }
}
