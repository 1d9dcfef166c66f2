import {
  type CalendarSpecDescription,
  DAYS_OF_WEEK,
  MONTHS,
  type ScheduleSpec,
  type ScheduleSpecDescription,
} from '@temporalio/client';
import { type CronRange, formatCron } from './cron.ts';
import type { ScheduleChange } from './schedule.ts';

/** Converts cron expressions to and from Temporal's calendars, which don't keep the text. */

/**
 * The cron expression for a schedule's times; null when there is none: seconds, years, intervals, several calendars,
 * excluded days, or both a day of the month and of the week, which people can set in Temporal.
 */
export function cronOf(spec: ScheduleSpecDescription): string | null {
  const [calendar, ...more] = spec.calendars ?? [];
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

/** The spec with another cron expression or time zone. Other settings in Temporal (an end, jitter) stay. */
export function changedSpec(
  before: ScheduleSpecDescription,
  { cron, timezone = timezoneOf(before) }: ScheduleChange,
): ScheduleSpec {
  if (cron === undefined) return { ...before, timezone };
  return { ...before, calendars: [], intervals: [], skip: [], cronExpressions: [cron], timezone };
}
