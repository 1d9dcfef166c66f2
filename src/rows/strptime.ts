import { isDate, type Moment, microsOf } from './calendar.ts';

const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

/** Python's `_strptime` expressions, English names; each directive may occur once. */
const DIRECTIVES: Readonly<Record<string, string>> = {
  Y: '\\d{4}',
  y: '\\d{2}',
  m: '1[0-2]|0[1-9]|[1-9]',
  d: '3[01]|[12]\\d|0[1-9]|[1-9]| [1-9]',
  H: '2[0-3]|[01]\\d|\\d',
  I: '1[0-2]|0[1-9]|[1-9]',
  M: '[0-5]\\d|\\d',
  S: '[0-5]\\d|\\d',
  f: '\\d{1,6}',
  p: 'am|pm',
  z: '(?-i:Z)|[+-]\\d{2}:?[0-5]\\d',
  B: MONTHS.join('|'),
  b: MONTHS.map((name) => name.slice(0, 3)).join('|'),
  A: DAYS.join('|'),
  a: DAYS.map((name) => name.slice(0, 3)).join('|'),
};

const DATE_PARTS: ReadonlySet<string> = new Set('YymdBbAa');

/** Longer cells can not match; a bound keeps the work a cell can cause small. */
const MAX_LENGTH = 200;

export interface Strptime {
  /** null when the cell does not match, or names a day that does not exist. Unset parts are Python's: 1900-01-01. */
  parse(cell: string): Moment | null;
  readonly hasDate: boolean;
  readonly hasOffset: boolean;
}

/**
 * Compiles a `strptime` pattern, the part of it that says the same in every locale.
 * Follows https://docs.python.org/3/library/datetime.html#format-codes; leap seconds are refused, as `datetime` does.
 * @throws RangeError that says which directive is at fault.
 */
export function compileStrptime(format: string): Strptime {
  const seen = new Set<string>();
  let source = '';
  for (let at = 0; at < format.length; at++) {
    const char = format[at]!;
    if (char !== '%') {
      source += /\s/.test(char) ? '\\s+' : char.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');
      while (/\s/.test(char) && at + 1 < format.length && /\s/.test(format[at + 1]!)) at++;
      continue;
    }
    const directive = format[++at];
    if (directive === '%') {
      source += '%';
      continue;
    }
    const expression = directive === undefined ? undefined : DIRECTIVES[directive];
    if (expression === undefined) {
      const known = Object.keys(DIRECTIVES).map((name) => `%${name}`);
      throw new RangeError(
        `the directive "%${directive ?? ''}" is not supported (known: ${known.join(' ')} %%)`,
      );
    }
    if (seen.has(directive!)) throw new RangeError(`the directive "%${directive}" occurs twice`);
    seen.add(directive!);
    source += `(?<${directive}>${expression})`;
  }
  if (seen.size === 0) throw new RangeError('expected at least one directive such as %Y');
  const regex = new RegExp(`^${source}$`, 'i');
  return {
    parse: (cell) => (cell.length > MAX_LENGTH ? null : toMoment(regex.exec(cell)?.groups)),
    hasDate: [...seen].some((name) => DATE_PARTS.has(name)),
    hasOffset: seen.has('z'),
  };
}

function toMoment(parts: Record<string, string> | undefined): Moment | null {
  if (!parts) return null;
  const year = parts.Y !== undefined ? Number(parts.Y) : fullYear(parts.y);
  const month = monthOf(parts);
  const day = Number(parts.d ?? 1);
  if (!isDate(year, month, day)) return null;
  return {
    year,
    month,
    day,
    hour: hourOf(parts),
    minute: Number(parts.M ?? 0),
    second: Number(parts.S ?? 0),
    micros: microsOf(parts.f),
    offsetMinutes: parts.z === undefined ? null : offsetOf(parts.z),
  };
}

/** POSIX: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068. */
function fullYear(text: string | undefined): number {
  if (text === undefined) return 1900;
  const year = Number(text);
  return year < 69 ? 2000 + year : 1900 + year;
}

function monthOf(parts: Record<string, string>): number {
  if (parts.m !== undefined) return Number(parts.m);
  const name = (parts.B ?? parts.b)?.slice(0, 3).toLowerCase();
  return name === undefined ? 1 : 1 + MONTHS.findIndex((month) => month.startsWith(name));
}

function hourOf(parts: Record<string, string>): number {
  if (parts.H !== undefined) return Number(parts.H);
  if (parts.I === undefined) return 0;
  const hour = Number(parts.I) % 12;
  return parts.p?.toLowerCase() === 'pm' ? hour + 12 : hour;
}

/** Minutes east of UTC of `Z`, `+hh:mm`, `+hhmm` or `+hh`. */
export function offsetOf(text: string): number {
  if (text.length === 1) return 0;
  const minutes = Number(text.slice(1, 3)) * 60 + (text.length === 3 ? 0 : Number(text.slice(-2)));
  return text.startsWith('-') ? -minutes : minutes;
}
