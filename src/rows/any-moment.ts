import type { Moment } from './calendar.ts';
import { compileStrptime, offsetOf, type Strptime } from './strptime.ts';

/**
 * The forms that `format: any` reads. Table Schema v2 leaves them to the implementation; these are the ones
 * without a second reading, and the month-first 12/31/2021, as python-dateutil reads it.
 */
const DATES = [
  '%Y-%m-%d',
  '%Y/%m/%d',
  '%Y%m%d',
  '%m/%d/%Y',
  '%d %b %Y',
  '%d %B %Y',
  '%b %d, %Y',
  '%B %d, %Y',
  '%b %d %Y',
  '%B %d %Y',
].map(compileStrptime);
const TIMES = ['%H:%M:%S', '%H:%M', '%H:%M:%S.%f', '%I:%M:%S %p', '%I:%M %p'].map(compileStrptime);

/** What stands before the first colon: a date, what parts it from the time, and the hour. */
const HOUR = /[Tt\s]\d{1,2}$/;
const MAX_LENGTH = 100;

export function anyDate(cell: string): Moment | null {
  return firstOf(DATES, cell.trim());
}

/** A time of day without an offset. */
export function anyTime(cell: string): Moment | null {
  return firstOf(TIMES, withoutFinerZeros(cell.trim()));
}

/** Microseconds as programs write them that keep finer fractions: `08:15:30.1230000`. */
function withoutFinerZeros(time: string): string {
  const micros = time.indexOf('.') + 1 + 6;
  if (micros === 6) return time;
  let end = time.length;
  while (end > micros && time[end - 1] === '0') end--;
  return time.slice(0, end);
}

/** A date, alone (midnight) or with a time and an optional offset. */
export function anyDatetime(cell: string): Moment | null {
  const text = cell.trim();
  const date = anyDate(text);
  if (date || text.length > MAX_LENGTH) return date;
  const offset = /(?<=\d)\s?(?<offset>[Zz]|[+-]\d{2}(?::?[0-5]\d)?)$/.exec(text);
  const local = offset ? text.slice(0, offset.index) : text;
  const hour = HOUR.exec(local.slice(0, Math.max(0, local.indexOf(':'))));
  const day = hour && anyDate(local.slice(0, hour.index));
  const time = hour && anyTime(local.slice(hour.index + 1));
  if (!day || !time) return null;
  const offsetMinutes = offset ? offsetOf(offset.groups!.offset!) : null;
  return { ...time, year: day.year, month: day.month, day: day.day, offsetMinutes };
}

function firstOf(forms: readonly Strptime[], text: string): Moment | null {
  for (const form of forms) {
    const moment = form.parse(text);
    if (moment) return moment;
  }
  return null;
}
