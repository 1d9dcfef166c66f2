/**
 * Cron expressions of five fields (minute, hour, day of month, month, day of week) with lists, ranges, steps and
 * English names, and the shorthands `@hourly @daily @weekly @monthly @yearly`. They are written in one normal form, so
 * that a schedule read back from Temporal shows the expression that was sent.
 *
 * By hand, as cron-parser's normal form lists values (`5,25,45` for `5-59/20`), refuses a list that names a value twice,
 * takes more forms than Temporal does (`L`, `#`, `H`), and names no field in its errors. It is the peer in the tests.
 *
 * Day of month and day of week together are refused: Vixie's cron takes days that fit either, Temporal days that fit
 * both.
 */

/** One range of a field: all of `start`, `start + step`, … up to `end`. */
export interface CronRange {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

export interface CronField {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** Names of the values from `from` on. */
  readonly names?: readonly string[];
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
/** Of each month, in a leap year. */
const DAYS_OF_MONTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** The fields in the order in which they are written. */
export const CRON_FIELDS: readonly CronField[] = [
  { name: 'minute', from: 0, to: 59 },
  { name: 'hour', from: 0, to: 23 },
  { name: 'day of month', from: 1, to: 31 },
  { name: 'month', from: 1, to: 12, names: MONTHS },
  { name: 'day of week', from: 0, to: 6, names: DAYS },
];

const SHORTHANDS: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
};

/** The fault of a cron expression, worded for its author. */
export class CronError extends Error {}

/** @returns the expression in its normal form. @throws CronError */
export function normalizeCron(text: string): string {
  const expression = text.trim();
  const written = expression.startsWith('@') ? SHORTHANDS[expression] : expression;
  if (written === undefined) {
    throw new CronError(`${expression} is not one of ${Object.keys(SHORTHANDS).join(', ')}`);
  }
  const parts = written.split(/\s+/);
  if (parts.length !== CRON_FIELDS.length) {
    throw new CronError(
      `expected five fields (${CRON_FIELDS.map((f) => f.name).join(', ')}), found ${parts.length}`,
    );
  }
  const fields = parts.map((part, index) => parseField(part, CRON_FIELDS[index] as CronField));
  refuseUnclear(fields);
  return formatCron(fields);
}

/** The values of each field of an expression. */
export interface CronValues {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** 0: Sunday. */
  readonly weekdays: ReadonlySet<number>;
  /** Its hours are all of the day: it goes by the time that passes, not by times of the day. */
  readonly everyHour: boolean;
}

/** @throws CronError */
export function cronValues(text: string): CronValues {
  const fields = normalizeCron(text)
    .split(' ')
    .map((part, index) => parseField(part, CRON_FIELDS[index] as CronField));
  const [minutes, hours, days, months, weekdays] = fields.map((ranges) => new Set(ranges.flatMap(valuesOf)));
  return {
    minutes: minutes!,
    hours: hours!,
    days: days!,
    months: months!,
    weekdays: weekdays!,
    everyHour: hours!.size === 24,
  };
}

/** Ranges of the five fields as text. */
export function formatCron(fields: readonly (readonly CronRange[])[]): string {
  return fields.map((ranges, index) => formatField(ranges, CRON_FIELDS[index] as CronField)).join(' ');
}

function parseField(text: string, field: CronField): CronRange[] {
  return text.split(',').flatMap((item) => parseRange(item, field));
}

function parseRange(item: string, field: CronField): CronRange[] {
  const match = /^(\*|(\w+)(?:-(\w+))?)(?:\/(\d{1,9}))?$/.exec(item);
  if (match === null) throw new CronError(`${field.name}: ${JSON.stringify(item)} is not a value or a range`);
  const [, , first, last, every] = match;
  const step = every === undefined ? 1 : Number(every);
  if (step < 1) throw new CronError(`${field.name}: a step of ${every} never advances`);
  const values = field.to - field.from + 1;
  if (step > values)
    throw new CronError(`${field.name}: a step of ${step} is longer than its ${values} values`);
  if (first === undefined) return [{ start: field.from, end: field.to, step }];
  const start = readValue(first, field);
  const open = every === undefined ? start : Math.max(start, field.to);
  const end = last === undefined ? open : readValue(last, field);
  if (end < start) throw new CronError(`${field.name}: the range ${first}-${last} ends before it begins`);
  return withoutSeven({ start, end, step }, field);
}

function readValue(text: string, field: CronField): number {
  const named = field.names?.indexOf(text.toUpperCase()) ?? -1;
  const value = named >= 0 ? named + field.from : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  const highest = field.names === DAYS ? 7 : field.to;
  if (value >= field.from && value <= highest) return value;
  const names = field.names === undefined ? '' : ` or ${field.names[0]} to ${field.names.at(-1)}`;
  throw new CronError(`${field.name}: expected ${field.from} to ${field.to}${names}, found ${text}`);
}

/** Replaces 7 in the field day of week, which is Sunday as well, by 0. */
function withoutSeven(range: CronRange, field: CronField): CronRange[] {
  if (field.names !== DAYS || range.end < 7) return [range];
  const sunday = { start: 0, end: 0, step: 1 };
  const reachesSunday = (7 - range.start) % range.step === 0;
  const before = range.start === 7 ? [] : [{ ...range, end: 6 }];
  return reachesSunday ? [sunday, ...before] : before;
}

function refuseUnclear(fields: readonly (readonly CronRange[])[]): void {
  const [, , days = [], months = [], weekdays = []] = fields;
  const dayOfMonth = CRON_FIELDS[2] as CronField;
  const everyDay = isWhole(days, dayOfMonth);
  if (!everyDay && !isWhole(weekdays, CRON_FIELDS[4] as CronField)) {
    throw new CronError('day of month and day of week can not both be restricted: make two schedules');
  }
  const firstDay = Math.min(...days.map(({ start }) => start));
  const longest = Math.max(...months.flatMap(valuesOf).map((month) => DAYS_OF_MONTHS[month - 1] ?? 0));
  if (firstDay > longest) throw new CronError(`day of month: no chosen month has a day ${firstDay}`);
}

function valuesOf({ start, end, step }: CronRange): number[] {
  return Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, index) => start + index * step);
}

function isWhole(ranges: readonly CronRange[], field: CronField): boolean {
  return new Set(ranges.flatMap(valuesOf)).size === field.to - field.from + 1;
}

function formatField(ranges: readonly CronRange[], field: CronField): string {
  if (isWhole(ranges, field)) return '*';
  return ranges.map((range) => formatRange(range, field)).join(',');
}

function formatRange({ start, end, step }: CronRange, field: CronField): string {
  const suffix = step === 1 ? '' : `/${step}`;
  if (start === field.from && end === field.to) return `*${suffix}`;
  if (start === end) return String(start);
  return `${start}-${end}${suffix}`;
}
