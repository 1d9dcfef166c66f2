const DAY_MS = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** The day (`2026-11-21`), week (ISO 8601, `2026-W47`) and month (`2026-11`) that a moment falls into. */
export interface Periods {
  readonly day: string;
  readonly week: string;
  readonly month: string;
}

/** The periods of a moment by the local time of that time zone (IANA name). */
export function periodsOf(moment: string, timezone: string): Periods {
  const parts = formatOf(timezone).formatToParts(new Date(moment));
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((p) => p.type === type)?.value ?? '';
  const [year, month, day] = [part('year').padStart(4, '0'), part('month'), part('day')];
  return { day: `${year}-${month}-${day}`, week: isoWeek(year, month, day), month: `${year}-${month}` };
}

/** A week belongs to the year that its Thursday is in. */
function isoWeek(year: string, month: string, day: string): string {
  const date = Date.UTC(Number(year), Number(month) - 1, Number(day));
  const weekday = (new Date(date).getUTCDay() + 6) % 7;
  const thursday = date + (3 - weekday) * DAY_MS;
  const ofYear = new Date(thursday).getUTCFullYear();
  const week = 1 + Math.floor((thursday - Date.UTC(ofYear, 0, 1)) / (7 * DAY_MS));
  return `${ofYear}-W${String(week).padStart(2, '0')}`;
}

/** Cached: creating one takes longer than formatting a thousand moments. */
function formatOf(timezone: string): Intl.DateTimeFormat {
  const known = formats.get(timezone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  });
  formats.set(timezone, made);
  return made;
}
