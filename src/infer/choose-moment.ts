import type { Choice, Surroundings } from './choice.ts';
import type { Column, ShapeCount } from './column.ts';
import {
  COMPACT,
  DAY_MONTH,
  JOINS,
  MONTH_BITS,
  MONTH_DAY,
  type MomentShape,
  momentOf,
  NO_DATE,
  NO_ZONE,
  SEPARATOR_CHARS,
  SHORT_BIT,
  YEAR_FIRST,
  YEAR_LAST,
  YEAR_MONTH,
  ZONE_COLON,
  ZONE_GMT,
  ZONE_HOURS,
  ZONE_PLAIN,
  ZONE_UTC,
  ZONE_Z,
  ZONE_ZERO,
} from './moment-shapes.ts';
import { INTEGER, kindOf, MOMENT } from './shapes.ts';

/** Of all values: dates that do not exist, though each part can be one (31/02/2026). */
const MOST_IMPOSSIBLE = 0.25;
/** Falls of a column in time, beyond which another order is no chance. */
const FEW_FALLS = 3;

type Order = 'day' | 'month' | 'year';

interface Counted {
  readonly shape: number;
  readonly form: MomentShape;
  readonly count: ShapeCount;
}

/** @returns whether a column of dates has the day first for sure (or the month); null: it has no such dates, or either */
export function dayFirstOf(column: Column): boolean | null {
  const counted = countedOf(column, [...column.shapes.keys()]).filter(({ form }) => form.date === YEAR_LAST);
  if (counted.length === 0) return null;
  const order = orderBy(counted, column);
  return order === null || order.order === 'year' ? null : order.order === 'day';
}

/** @param shapes of all values; null: they are no moments */
export function chooseMoment(column: Column, shapes: readonly number[], around: Surroundings): Choice | null {
  if (shapes.every((shape) => shape === INTEGER) && column.compactDates) return compactDates(column, around);
  if (!shapes.every((shape) => kindOf(shape) === MOMENT)) return null;
  const counted = countedOf(column, shapes);
  const finer = counted.filter(({ form }) => form.time === 5).reduce((sum, { count }) => sum + count.rows, 0);
  if (finer > 0) {
    return text(
      `${finer} have fractions of a second that are finer than the microseconds that a moment is kept in: as text nothing of them is lost`,
    );
  }
  if (counted.every(({ form }) => form.date === NO_DATE)) return timeChoice(counted);
  if (counted.some(({ form }) => form.date === NO_DATE)) return text('some are dates, and some are times');
  const rows = counted.reduce((sum, { count }) => sum + count.rows, 0);
  const found = findOrder(counted, column, around);
  const existing = counted.reduce((sum, { form, count }) => sum + existingIn(form, count, found.order), 0);
  const exceptions = rows - existing;
  if (exceptions > rows * MOST_IMPOSSIBLE) {
    return text(`${exceptions} of ${rows} look like dates of days that do not exist`);
  }
  const timed = counted.filter(({ form }) => form.time > 0).length;
  const type = timed === 0 ? 'date' : 'datetime';
  const format = formatOf(counted, type, found.order);
  if (format === null) return text('the dates are written in several ways that no one format reads');
  return {
    type,
    format,
    properties: {},
    exceptions,
    exceptionExamples: counted.flatMap(({ count }) => count.faults).slice(0, 3),
    ...(found.note === undefined ? {} : { note: found.note }),
    ...(found.undecided === undefined ? {} : { undecided: found.undecided }),
  };
}

function countedOf(column: Column, shapes: readonly number[]): Counted[] {
  return shapes
    .filter((shape) => kindOf(shape) === MOMENT)
    .map((shape) => ({ shape, form: momentOf(shape), count: column.shapes.get(shape)! }));
}

function existingIn(form: MomentShape, count: ShapeCount, order: Order): number {
  if (form.date !== YEAR_LAST) return count.dayFirstExists;
  return order === 'day'
    ? count.dayFirstExists
    : order === 'month'
      ? count.monthFirstExists
      : count.yearFirstExists;
}

interface FoundOrder {
  readonly order: Order;
  readonly note?: string;
  readonly undecided?: string;
}

function findOrder(counted: readonly Counted[], column: Column, around: Surroundings): FoundOrder {
  const last = counted.filter(({ form }) => form.date === YEAR_LAST);
  if (last.length === 0) return { order: 'day' };
  if (around.dateOrder !== undefined) return { order: around.dateOrder, note: 'as it was asked for' };
  const found = orderBy(last, column);
  if (found !== null) return found;
  if (around.dayFirst !== null) {
    const order = around.dayFirst ? 'day' : 'month';
    return { order, note: `the ${order} is first, as in another column of the file` };
  }
  const either = 'every day is below 13, so that nothing says whether the day or the month is first';
  const say = (order: Order, why: string): FoundOrder => ({
    order,
    note: `${either}; read with the ${order} first, ${why}`,
    undecided: `${either}: read with the ${order} first, ${why}`,
  });
  if (last.some(({ form }) => form.half > 0)) return say('month', 'as the times are in halves of a day');
  if (last.every(({ form }) => form.separator === 3))
    return { order: 'day', note: 'dates with points have the day first' };
  if (around.looksEuropean) return say('day', 'as the file is European in its other marks');
  return say('day', 'as most countries have it');
}

/** What the days themselves say, or the order of the rows. */
function orderBy(last: readonly Counted[], column: Column): FoundOrder | null {
  const sum = (of: (count: ShapeCount) => number) => last.reduce((total, { count }) => total + of(count), 0);
  const rows = sum((count) => count.rows);
  const day = sum((count) => count.dayFirstExists);
  const month = sum((count) => count.monthFirstExists);
  const year = sum((count) => count.yearFirstExists);
  if (year > day && year > month) {
    return {
      order: 'year',
      note: `the year is first in ${year} of ${rows}, and no other order fits as many`,
    };
  }
  if (day !== month) {
    const [order, fits, other] =
      day > month ? (['day', day, month] as const) : (['month', month, day] as const);
    return { order, note: `the ${order} is first: so ${fits} of ${rows} are days that exist, else ${other}` };
  }
  const dayLike = sum((count) => count.dayFirst);
  const monthLike = sum((count) => count.monthFirst);
  if (dayLike !== monthLike) {
    const order = dayLike > monthLike ? 'day' : 'month';
    return {
      order,
      note: `the ${order} is first: else ${Math.abs(dayLike - monthLike)} of ${rows} would have a month above 12`,
    };
  }
  const [dayFalls, monthFalls] = [column.dayFirstFalls, column.monthFirstFalls];
  if (dayFalls * FEW_FALLS < monthFalls || monthFalls * FEW_FALLS < dayFalls) {
    const order = dayFalls < monthFalls ? 'day' : 'month';
    return { order, note: `the ${order} is first: so the rows are in the order of their dates` };
  }
  return null;
}

function compactDates(column: Column, { heading }: Surroundings): Choice | null {
  const values = column.few.values;
  const different = values === null ? 2 : values.length;
  const named = /dat[eu]|day|tag|fecha|birth|dob|geb|jour|giorno/i.test(heading ?? '');
  const rows = column.rows - column.empty;
  if (different < 2 || rows < 2 || (!named && rows < 20)) return null;
  return {
    type: 'date',
    format: '%Y%m%d',
    properties: {},
    exceptions: 0,
    note: 'all numbers of eight digits are days',
  };
}

function timeChoice(counted: readonly Counted[]): Choice {
  const rows = counted.reduce((sum, { count }) => sum + count.rows, 0);
  const existing = counted.reduce((sum, { count }) => sum + count.timeExists, 0);
  if (existing < rows)
    return text(`${rows - existing} of ${rows} are no times of a day: they may be durations`);
  if (counted.some(({ form }) => form.zone !== NO_ZONE))
    return text('times with an offset are no type of their own');
  const format = formatOf(counted, 'time', 'day');
  if (format === null) return text('the times are written in several ways that no one format reads');
  return { type: 'time', format, properties: {}, exceptions: 0 };
}

/** The one format that reads all of the forms; null: there is none. */
function formatOf(
  counted: readonly Counted[],
  type: 'date' | 'datetime' | 'time',
  order: Order,
): string | null {
  const forms = counted.map(({ form }) => form);
  if (forms.every((form) => isDefault(form, type))) return 'default';
  const patterns = new Set(
    counted.map(({ shape }) => patternOf(momentOf(shape & ~SHORT_BIT & ~MONTH_BITS), order)),
  );
  const months = new Set(forms.map(({ month }) => month));
  // `May` is both.
  if (months.size > 1) months.delete(3);
  if (patterns.size === 1 && months.size === 1) {
    const [pattern] = patterns;
    const [month] = months;
    if (pattern !== null && pattern !== undefined) return pattern.replaceAll('%b', month === 2 ? '%B' : '%b');
  }
  return forms.every((form) => isAny(form, type, order)) ? 'any' : null;
}

/** What `format: default` reads: ISO 8601 with a T. */
function isDefault(form: MomentShape, type: string): boolean {
  if (form.short || form.half > 0 || form.zoneSpace) return false;
  if (type === 'time') return form.time >= 2 && form.zone === NO_ZONE;
  if (form.date !== YEAR_FIRST || form.separator !== 1) return false;
  if (type === 'date') return form.time === 0;
  return (
    form.join === 1 &&
    form.time >= 2 &&
    (form.zone === NO_ZONE || form.zone === ZONE_Z || form.zone === ZONE_COLON)
  );
}

/** What `format: any` reads; see src/rows/any-moment.ts. */
function isAny(form: MomentShape, type: string, order: Order): boolean {
  if (form.weekday > 0) return false;
  if (form.half > 0 && (form.half !== 1 || form.time > 2)) return false;
  if (![NO_ZONE, ZONE_Z, ZONE_COLON, ZONE_PLAIN, ZONE_HOURS, ZONE_ZERO].includes(form.zone)) return false;
  if (type === 'time') return form.zone === NO_ZONE;
  if (form.time > 0 && ![1, 2, 5].includes(form.join)) return false;
  switch (form.date) {
    case YEAR_FIRST:
      return form.separator === 1 || form.separator === 2;
    case COMPACT:
      return true;
    case YEAR_LAST:
      return order === 'month' && form.separator === 2 && !form.shortYear;
    case DAY_MONTH:
      return form.separator === 4 && !form.shortYear;
    case MONTH_DAY:
      return true;
    default:
      return false;
  }
}

/** The strptime pattern of one form; null: there is none. */
function patternOf(form: MomentShape, order: Order): string | null {
  const date = datePattern(form, order);
  if (form.time === 0) return date;
  if (form.time > 3) return null;
  const hour = form.half > 0 ? '%I' : '%H';
  const time = [hour, '%M', ...(form.time > 1 ? ['%S'] : [])].join(':') + (form.time === 3 ? '.%f' : '');
  const half = ['', ' %p', '%p'][form.half]!;
  const zone = zonePattern(form);
  if (zone === null) return null;
  return `${date}${JOINS[form.join]}${time}${half}${zone}`;
}

function datePattern(form: MomentShape, order: Order): string {
  const mark = SEPARATOR_CHARS[form.separator]!;
  const year = form.shortYear ? '%y' : '%Y';
  switch (form.date) {
    case YEAR_FIRST:
      return ['%Y', '%m', '%d'].join(mark);
    case YEAR_LAST:
      if (order === 'year') return ['%y', '%m', '%d'].join(mark);
      return (order === 'day' ? ['%d', '%m', year] : ['%m', '%d', year]).join(mark);
    case COMPACT:
      return '%Y%m%d';
    case DAY_MONTH:
      return weekdayPattern(form) + ['%d', '%b', year].join(mark);
    case MONTH_DAY:
      return `%b %d${form.comma ? ',' : ''} %Y`;
    case YEAR_MONTH:
      return ['%Y', '%b', '%d'].join(mark);
    default:
      return '';
  }
}

function weekdayPattern({ weekday, comma }: MomentShape): string {
  return weekday === 0 ? '' : `${weekday === 1 ? '%a' : '%A'}${comma ? ',' : ''} `;
}

function zonePattern({ zone, zoneSpace }: MomentShape): string | null {
  const space = zoneSpace ? ' ' : '';
  switch (zone) {
    case NO_ZONE:
      return '';
    case ZONE_Z:
    case ZONE_COLON:
    case ZONE_PLAIN:
      return `${space}%z`;
    case ZONE_UTC:
      return `${space}UTC`;
    case ZONE_GMT:
      return `${space}GMT`;
    case ZONE_ZERO:
      return `${space}+00`;
    default:
      return null;
  }
}

function text(note: string): Choice {
  return { type: 'string', properties: {}, exceptions: 0, note };
}
