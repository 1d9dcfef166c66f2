/** A point in the proleptic Gregorian calendar as written; `offsetMinutes` is null where none was given. */
export interface Moment {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly micros: number;
  readonly offsetMinutes: number | null;
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Years 1 to 9999: what both XML Schema's four digits and PostgreSQL's input take. */
export function isDate(year: number, month: number, day: number): boolean {
  // Said so that NaN, a part that was no number, is refused too.
  if (!(year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1)) return false;
  if (day <= 28) return true;
  return day <= MONTH_DAYS[month - 1]! || (month === 2 && day === 29 && isLeap(year));
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

export function formatDate(moment: Pick<Moment, 'year' | 'month' | 'day'>): string {
  return `${pad(moment.year, 4)}-${pad(moment.month, 2)}-${pad(moment.day, 2)}`;
}

/** `hh:mm:ss`, with a fraction of at most six digits that does not end in 0, so that equal times are equal texts. */
export function formatTime(moment: Pick<Moment, 'hour' | 'minute' | 'second' | 'micros'>): string {
  const time = `${pad(moment.hour, 2)}:${pad(moment.minute, 2)}:${pad(moment.second, 2)}`;
  return moment.micros === 0 ? time : `${time}.${fractionOf(moment.micros)}`;
}

/** The digits after the point of so many microseconds, without trailing zeros. */
export function fractionOf(micros: number): string {
  let [digits, rest] = [6, micros];
  for (; digits > 1 && rest % 10 === 0; digits--) rest /= 10;
  return pad(rest, digits);
}

export function formatOffset(minutes: number | null): string {
  if (minutes === null || minutes === 0) return 'Z';
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${pad(Math.trunc(size / 60), 2)}:${pad(size % 60, 2)}`;
}

/** Digits after the point, cut to microseconds as PostgreSQL stores them (and as Frictionless does). */
export function microsOf(fraction: string | undefined): number {
  return fraction === undefined ? 0 : Number(fraction.slice(0, 6).padEnd(6, '0'));
}

/** XML Schema's 24:00:00 is the first moment of the next day, which may be the first one of year 10000. */
export function nextMidnight(moment: Moment): Moment {
  return shifted({ ...moment, hour: 24 }, 0);
}

/**
 * A moment as it is in UTC, without an offset; null where that is outside the years 1 to 9999, though the moment as
 * written may be within them (`9999-12-31T23:00:00-05:00`), or the other way round.
 */
export function inUtc(moment: Moment): Moment | null {
  const utc = shifted(moment, moment.offsetMinutes ?? 0);
  return utc.year >= 1 && utc.year <= 9999 ? { ...utc, offsetMinutes: null } : null;
}

/** So many minutes earlier, in the proleptic Gregorian calendar. */
function shifted(moment: Moment, minutes: number): Moment {
  const date = new Date(0);
  date.setUTCFullYear(moment.year, moment.month - 1, moment.day);
  date.setUTCHours(moment.hour, moment.minute - minutes);
  return {
    ...moment,
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
  };
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
