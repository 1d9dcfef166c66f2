import type { Request, Response } from 'express';

/** The longest that a request may wait for its result; proxies commonly give up after 60 seconds of silence. */
export const MAX_WAIT_SECONDS = 50;

/** What a client prefers, by the preference's name in lower case; the value is '' where none is given. */
export type Preferences = ReadonlyMap<string, string>;

const NONE: Preferences = new Map();
/** RFC 7240, 2, with the tokens and quoted strings of RFC 9110, 5.6. Sticky: reads one preference. */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const QUOTED = '"(?:[^"\\\\]|\\\\.)*"';
const WORD = `(?:${TOKEN}|${QUOTED})`;
/** White space belongs to what follows it only: otherwise each run of it could be split in many ways (backtracking). */
const PARAMETER = `[ \\t]*${TOKEN}(?:[ \\t]*=(?:[ \\t]*${WORD})?)?`;
export const PREFERENCE = new RegExp(
  `[ \\t]*(${TOKEN})(?:[ \\t]*=(?:[ \\t]*(${WORD}))?)?(?:[ \\t]*;(?:${PARAMETER})?)*[ \\t]*(?:,|$)`,
  'y',
);

/**
 * The request's `Prefer` headers (RFC 7240). The first of a repeated preference counts, and a malformed one is ignored:
 * a preference is never an error.
 */
export function preferencesOf(req: Request): Preferences {
  const header = req.get('prefer');
  if (header === undefined) return NONE;
  const preferences = new Map<string, string>();
  for (let at = 0; at < header.length; ) {
    PREFERENCE.lastIndex = at;
    const match = PREFERENCE.exec(header);
    if (match === null) {
      const comma = header.indexOf(',', at);
      if (comma < 0) break;
      at = comma + 1;
      continue;
    }
    at = PREFERENCE.lastIndex;
    const name = match[1]!.toLowerCase();
    if (!preferences.has(name)) preferences.set(name, unquote(match[2] ?? ''));
  }
  return preferences;
}

/**
 * How long the client prefers to wait, `wait=N` (RFC 7240, 4.3), in seconds; at most `MAX_WAIT_SECONDS`. null without
 * the preference, or without a number.
 */
export function preferredWait(preferences: Preferences): number | null {
  const value = preferences.get('wait') ?? '';
  return /^[0-9]{1,9}$/.test(value) ? Math.min(Number(value), MAX_WAIT_SECONDS) : null;
}

/** The value of a preference when it is one of those that are known here; else null. */
export function preferredOf<const Value extends string>(
  preferences: Preferences,
  name: string,
  known: readonly Value[],
): Value | null {
  const value = preferences.get(name);
  return known.find((one) => one === value) ?? null;
}

/** Says which preferences were honoured (RFC 7240, 3). */
export function applyPreferences(res: Response, honoured: readonly string[]): void {
  res.vary('Prefer');
  if (honoured.length > 0) res.set('Preference-Applied', honoured.join(', '));
}

function unquote(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1).replaceAll(/\\(.)/g, '$1') : word;
}
