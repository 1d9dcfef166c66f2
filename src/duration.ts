const DURATION =
  /^P(?=\d|T\d)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,9})S)?)?$/;

/** ISO 8601 durations in whole numbers: `P30D`, `P1Y6M`, `P2W`, `PT36H`. */
export function isDuration(text: string): boolean {
  return DURATION.test(text);
}

/**
 * The moment a duration before another one, in milliseconds since 1970. Years and months are those of the calendar
 * in UTC: a month before 31 March is the last of February.
 *
 * @throws RangeError when `duration` is not one
 */
export function instantBefore(moment: string, duration: string): number {
  const match = DURATION.exec(duration);
  if (match === null) throw new RangeError(`${JSON.stringify(duration)} is not an ISO 8601 duration`);
  const [years = 0, months = 0, weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  const date = new Date(moment);
  const dayOfMonth = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() - 12 * years - months);
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(dayOfMonth, lastDay));
  const wholeDays = 7 * weeks + days;
  return date.getTime() - 1000 * (86_400 * wholeDays + 3600 * hours + 60 * minutes + seconds);
}

/** A retention of more is a typing error; a hundred years are as long as the days that may be given instead. */
const LONGEST_YEARS = 100;

/** null when backups can be kept for this duration; else what was expected. */
export function keepingFault(text: string): string | null {
  if (!isDuration(text)) return 'expected an ISO 8601 duration such as P30D, P1Y6M or PT36H';
  const now = '2026-01-01T00:00:00Z';
  const kept = Date.parse(now) - instantBefore(now, text);
  if (kept <= 0)
    return 'expected a duration that is longer than nothing: leave keepWithin out to keep none by age';
  if (!(kept <= Date.parse(now) - instantBefore(now, `P${LONGEST_YEARS}Y`))) {
    return `expected at most ${LONGEST_YEARS} years (P${LONGEST_YEARS}Y)`;
  }
  return null;
}
