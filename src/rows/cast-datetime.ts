import { anyDatetime } from './any-moment.ts';
import {
  formatDate,
  formatOffset,
  formatTime,
  inUtc,
  isDate,
  type Moment,
  microsOf,
  nextMidnight,
} from './calendar.ts';
import type { Caster } from './field-reading.ts';
import { compileStrptime, offsetOf } from './strptime.ts';

const DATETIME =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)?$/;

/** XML Schema's widest offset. PostgreSQL's is 15:59, so that it takes all of these. */
const MAX_OFFSET_MINUTES = 14 * 60;

/**
 * Table Schema v2 "datetime": XML Schema's dateTime, a strptime pattern, or `any`. The value is a moment with
 * microseconds (PostgreSQL's timestamptz); without an offset it is UTC, whatever the session's time zone is,
 * which is why the text always ends in one. Years 1 to 9999, in UTC; second 60 is refused (XML Schema 1.1), hour 24 is
 * the next day's midnight.
 */
export function datetimeCaster(format: string): Caster {
  const parse =
    format === 'default' ? isoDatetime : format === 'any' ? anyDatetime : compileStrptime(format).parse;
  const read = (cell: string) => {
    const moment = parse(cell);
    return moment !== null && Math.abs(moment.offsetMinutes ?? 0) <= MAX_OFFSET_MINUTES ? moment : null;
  };
  return {
    expected:
      format === 'default'
        ? 'a datetime as YYYY-MM-DDThh:mm:ssZ'
        : format === 'any'
          ? 'a datetime'
          : `a datetime as ${format}`,
    cast(cell) {
      if (format === 'default' && isPlainUtc(cell)) return cell;
      const moment = read(cell);
      if (moment === null) return null;
      // Only next to the first and the last year can the offset lead out of the years, or back into them.
      if (moment.year > 1 && moment.year < 9999) return textOf(moment);
      const utc = inUtc(moment);
      return utc && textOf(moment.year > 9999 ? utc : moment);
    },
    explain(cell) {
      return read(cell) === null ? null : 'outside the years 1 to 9999 in UTC';
    },
    against(bound) {
      const limit = instant(bound);
      return (value) => Number(instant(value) - limit);
    },
  };
}

function textOf(moment: Moment): string {
  return `${formatDate(moment)}T${formatTime(moment)}${formatOffset(moment.offsetMinutes)}`;
}

/** Recognizes the commonest form, `YYYY-MM-DDThh:mm:ssZ`, without a regular expression. */
function isPlainUtc(cell: string): boolean {
  return (
    cell.length === 20 &&
    cell.charCodeAt(4) === 45 &&
    cell.charCodeAt(7) === 45 &&
    cell.charCodeAt(10) === 84 &&
    cell.charCodeAt(13) === 58 &&
    cell.charCodeAt(16) === 58 &&
    cell.charCodeAt(19) === 90 &&
    twoDigits(cell, 11) < 24 &&
    twoDigits(cell, 14) < 60 &&
    twoDigits(cell, 17) < 60 &&
    isDate(twoDigits(cell, 0) * 100 + twoDigits(cell, 2), twoDigits(cell, 5), twoDigits(cell, 8))
  );
}

/** NaN, which no comparison above accepts, where a character is not a digit. */
function twoDigits(cell: string, at: number): number {
  const tens = cell.charCodeAt(at) - 48;
  const ones = cell.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

function isoDatetime(cell: string): Moment | null {
  const match = DATETIME.exec(cell);
  if (!match) return null;
  const moment: Moment = {
    year: Number(match[1]),
    month: Number(match[2]),
    day: Number(match[3]),
    hour: Number(match[4]),
    minute: Number(match[5]),
    second: Number(match[6]),
    micros: microsOf(match[7]),
    offsetMinutes: match[8] === undefined ? null : offsetOf(match[8]),
  };
  if (!isDate(moment.year, moment.month, moment.day)) return null;
  if (moment.hour === 24 && moment.minute === 0 && moment.second === 0 && !/[1-9]/.test(match[7] ?? '')) {
    return nextMidnight(moment);
  }
  return moment.hour > 23 || moment.minute > 59 || moment.second > 59 ? null : moment;
}

/** Microseconds since 1970 of a text that `cast` gave. A double is too coarse for year 9999. */
function instant(text: string): bigint {
  const seconds = text.slice(0, 19);
  const [, fraction, offset = 'Z'] = /^(?:\.(\d+))?([Z+-].*)$/.exec(text.slice(19)) ?? [];
  const minutes = offsetOf(offset);
  const epochSeconds = Date.parse(`${seconds}Z`) / 1000 - minutes * 60;
  return BigInt(epochSeconds) * 1_000_000n + BigInt(microsOf(fraction));
}
