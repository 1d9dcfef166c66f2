import { isDate } from '../rows/calendar.ts';
import type { ReportColumn } from './report.ts';

type Type = ReportColumn['type'];

const WHOLE = /^-?[0-9]{1,19}$/;
const DECIMAL = /^-?(?:[0-9]{1,1000}(?:\.[0-9]{0,1000})?|\.[0-9]{1,1000})(?:[eE][+-]?[0-9]{1,3})?$/;
/** As answers show them. */
const SPECIALS: ReadonlySet<string> = new Set(['NaN', 'Infinity', '-Infinity']);
const DATE = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
const TIME = /^(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?$/;
const OFFSET = /^(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])$/;

interface TypeRule {
  /** The expected form, in words of a message. */
  readonly expected: string;
  accepts(text: string): boolean;
}

/** How a value of each column type is written in a request; one way a type. */
const RULES: Readonly<Record<Type, TypeRule>> = {
  text: { expected: 'a text', accepts: () => true },
  integer: { expected: 'a whole number of 32 bits', accepts: (text) => isWhole(text, 32) },
  bigint: { expected: 'a whole number of 64 bits', accepts: (text) => isWhole(text, 64) },
  numeric: { expected: 'a number such as -1.5', accepts: (text) => DECIMAL.test(text) || SPECIALS.has(text) },
  'double precision': {
    expected: 'a number such as -1.5',
    accepts: (text) => isDouble(text) || SPECIALS.has(text),
  },
  boolean: { expected: 'true or false', accepts: (text) => text === 'true' || text === 'false' },
  date: { expected: 'a date such as 2021-11-07', accepts: isDateText },
  time: { expected: 'a time such as 02:48:42', accepts: (text) => TIME.test(text) },
  timestamptz: { expected: 'a moment such as 2021-11-07T02:48:42Z', accepts: isMoment },
};

/** null when PostgreSQL takes the text as a value of the type; else what was expected. */
export function valueFault(type: Type, text: string): string | null {
  const { accepts, expected } = RULES[type];
  return accepts(text) ? null : `expected ${expected}`;
}

function isWhole(text: string, bits: number): boolean {
  return WHOLE.test(text) && BigInt.asIntN(bits, BigInt(text)) === BigInt(text);
}

/** PostgreSQL refuses a number that a double would round to infinity, or to 0. */
function isDouble(text: string): boolean {
  const value = Number(text);
  return DECIMAL.test(text) && Number.isFinite(value) && (value !== 0 || !/[1-9]/.test(text.split(/e/i)[0]!));
}

function isDateText(text: string): boolean {
  const [, year, month, day] = DATE.exec(text) ?? [];
  return isDate(Number(year), Number(month), Number(day));
}

/** RFC 3339, 5.6; leap seconds apart, which PostgreSQL would move to the next minute. */
function isMoment(text: string): boolean {
  if (text[10] !== 'T') return false;
  const rest = text.slice(11);
  const offsetAt = rest.search(/[^0-9:.]/);
  const [time, offset] = offsetAt < 0 ? [rest, ''] : [rest.slice(0, offsetAt), rest.slice(offsetAt)];
  return isDateText(text.slice(0, 10)) && time.length >= 8 && TIME.test(time) && OFFSET.test(offset);
}
