import { type CronValues, cronValues } from './cron.ts';

/**
 * What a cron expression means on the days on which clocks change. Temporal's calendars leave out times that a day does
 * not have, and put some runs of doubled hours into a wrong one (temporalio/temporal#8205). A schedule of fixed times
 * (its hours are not `*`) that has a time in the gap runs right after the gap, as cron does: those moments are calendars
 * of their own beside the expression. Doubled hours can't be told apart there, and are told to people.
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A moment after a gap, on the clock of the zone. */
export interface AfterGap {
  readonly year: number;
  /** 1 to 12 */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
}

interface Change {
  /** The first moment with the new offset. */
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

/** The moments right after gaps in which the schedule has a time, within so many years. Pure. */
export function runsAfterGaps(
  cron: string,
  timezone: string,
  from: number,
  years: number,
): readonly AfterGap[] {
  const values = cronValues(cron);
  if (values.everyHour) return [];
  return changesOf(timezone, from, years * 366)
    .filter(({ at, before, after }) => after > before && hasTime(values, at + before, at + after))
    .map(({ at, after }) => {
      const local = new Date(at + after);
      return {
        year: local.getUTCFullYear(),
        month: local.getUTCMonth() + 1,
        day: local.getUTCDate(),
        hour: local.getUTCHours(),
        minute: local.getUTCMinutes(),
      };
    });
}

/** What people should know of the changes within the next year. `runsAfter`: the moments that the schedule has. Pure. */
export function clockWarnings(
  cron: string,
  timezone: string,
  from: number,
  runsAfter: readonly AfterGap[],
): readonly string[] {
  const values = cronValues(cron);
  if (values.everyHour) return [];
  return changesOf(timezone, from, 366).flatMap(({ at, before, after }) => {
    const [old, now] = [new Date(at + before).toISOString(), new Date(at + after).toISOString()];
    const clocks = `${now.slice(0, 10)}: clocks in ${timezone} go ${after > before ? 'forward' : 'back'} from ${old.slice(11, 16)} to ${now.slice(11, 16)}`;
    if (after > before) {
      const runs = runsAfter.some(({ year, month, day, hour, minute }) => {
        return Date.UTC(year, month - 1, day, hour, minute) === at + after;
      });
      if (!hasTime(values, at + before, at + after)) return [];
      return [`${clocks}: what is due in between ${runs ? `runs at ${now.slice(11, 16)}` : 'is left out'}`];
    }
    // Also of the hour before: Temporal may take the first of two equal hours for one more of it.
    if (!hasTime(values, at + after - HOUR_MS, at + before)) return [];
    return [
      `${clocks}: a run at that time may come twice, or in the other of two equal hours, as nextRuns shows`,
    ];
  });
}

/** Whether a time of the expression is in this stretch of the zone's clock, given as if it were UTC. */
function hasTime({ minutes, hours, days, months, weekdays }: CronValues, from: number, to: number): boolean {
  for (let at = from; at < to; at += MINUTE_MS) {
    const local = new Date(at);
    if (
      minutes.has(local.getUTCMinutes()) &&
      hours.has(local.getUTCHours()) &&
      days.has(local.getUTCDate()) &&
      months.has(local.getUTCMonth() + 1) &&
      weekdays.has(local.getUTCDay())
    ) {
      return true;
    }
  }
  return false;
}

/** By whole minutes: zones of today change at none in between. */
function changesOf(timezone: string, from: number, days: number): readonly Change[] {
  const offsetAt = offsets(timezone);
  const changes: Change[] = [];
  const start = Math.floor(from / MINUTE_MS) * MINUTE_MS;
  let before = offsetAt(start);
  for (let day = 1; day <= days; day++) {
    const end = start + day * DAY_MS;
    const after = offsetAt(end);
    if (after === before) continue;
    let [low, high] = [end - DAY_MS, end];
    while (high - low > MINUTE_MS) {
      const middle = low + Math.floor((high - low) / 2 / MINUTE_MS) * MINUTE_MS;
      if (offsetAt(middle) === before) low = middle;
      else high = middle;
    }
    changes.push({ at: high, before, after });
    before = after;
  }
  return changes;
}

/** @returns the zone's offset to UTC at a moment, in milliseconds */
function offsets(timezone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  return (at) => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const of = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
    const local = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'));
    return local - Math.floor(at / MINUTE_MS) * MINUTE_MS;
  };
}
