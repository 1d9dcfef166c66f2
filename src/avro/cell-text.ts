import { fractionOf } from '../rows/calendar.ts';
import type { ColumnType } from '../rows/column-type.ts';
import { EPOCH_DAYS } from './encode-cell.ts';
import { numericTextLength, writeNumericText } from './numeric.ts';

const DAYS_PER_400_YEARS = 146_097;
/** From 0000-03-01 to 1970-01-01. */
const DAYS_TO_1970 = 719_468;
const MICROS_PER_DAY = 86_400_000_000n;

/**
 * The text of a field of a binary COPY, in the form that the rules of `src/rows/` give: numbers with every digit,
 * `true` and `false`, dates and times of RFC 3339 (moments in UTC, as many digits of the second as it has). Years that
 * RFC 3339 does not have are written as ISO 8601 expands them: `-0043`, `+12345`.
 */
export function cellText(
  type: ColumnType,
  bytes: Buffer,
  view: DataView,
  from: number,
  length: number,
): string {
  switch (type) {
    case 'text':
      return bytes.toString('utf8', from, from + length);
    case 'bigint':
      return String(view.getBigInt64(from));
    case 'integer':
      return String(view.getInt32(from));
    case 'boolean':
      return bytes[from] === 1 ? 'true' : 'false';
    case 'date':
      return dateText(view.getInt32(from) + EPOCH_DAYS);
    case 'time':
      return timeText(view.getBigInt64(from));
    case 'timestamptz':
      return momentText(view.getBigInt64(from));
    case 'numeric':
      return numericText(view, from, length);
  }
}

function numericText(view: DataView, from: number, length: number): string {
  const text = Buffer.allocUnsafe(numericTextLength(view, from, length));
  writeNumericText(view, from, text, 0);
  return text.toString('latin1');
}

function momentText(micros: bigint): string {
  const inDay = ((micros % MICROS_PER_DAY) + MICROS_PER_DAY) % MICROS_PER_DAY;
  const days = Number((micros - inDay) / MICROS_PER_DAY);
  return `${dateText(days + EPOCH_DAYS)}T${timeText(inDay)}Z`;
}

function timeText(micros: bigint): string {
  const seconds = Number(micros / 1_000_000n);
  const rest = Number(micros % 1_000_000n);
  const fraction = rest === 0 ? '' : `.${fractionOf(rest)}`;
  const minutes = Math.floor(seconds / 60);
  return `${padded(Math.floor(minutes / 60))}:${padded(minutes % 60)}:${padded(seconds % 60)}${fraction}`;
}

/** Of days since 1970-01-01, in the proleptic Gregorian calendar; the year of the count begins in March. */
function dateText(days: number): string {
  const shifted = days + DAYS_TO_1970;
  const era = Math.floor(shifted / DAYS_PER_400_YEARS);
  const dayOfEra = shifted - era * DAYS_PER_400_YEARS;
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${yearText(year)}-${padded(month)}-${padded(day)}`;
}

function yearText(year: number): string {
  if (year >= 0 && year <= 9999) return padded(year, 4);
  return `${year < 0 ? '-' : '+'}${padded(Math.abs(year), 4)}`;
}

function padded(value: number, digits = 2): string {
  return String(value).padStart(digits, '0');
}
