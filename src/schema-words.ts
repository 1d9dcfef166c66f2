import type { z } from 'zod';
import { nearestWord } from './nearest.ts';
import { quoted } from './shorten.ts';

/** Known names that an error lists. */
const MOST_KNOWN = 40;

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
  undefined: 'nothing',
  never: 'nothing',
  nonoptional: 'a value',
};

const FORMATS: Readonly<Record<string, string>> = {
  datetime: 'a moment by RFC 3339, such as 2026-11-26T12:00:00Z',
  date: 'a date, such as 2026-11-26',
  time: 'a time, such as 12:00:00',
  duration: 'an ISO 8601 duration, such as P30D',
  url: 'a URL',
  email: 'an email address',
  uuid: 'a UUID',
  guid: 'a UUID',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  base64: 'base64',
  base64url: 'base64url',
  json_string: 'JSON',
};

/** The names that a schema knows where it met others; by the list of the others, which issues keep. */
const knownInstead = new WeakMap<readonly string[], readonly string[]>();

/**
 * Checks a value that comes from outside. What the schema refuses is said in our words in place of the library's: what
 * was expected, what was received, and for a name that is not known which ones are. Messages that a schema has of its
 * own go before. A value is only repeated where it was to be one of a few words, and a number or true or false; any
 * other may be a secret or a row's.
 */
export function checkBySchema<T>(schema: z.ZodType<T>, value: unknown): z.ZodSafeParseResult<T> {
  return schema.safeParse(value, { error: wordsOf });
}

/** The same for the parameters of an address, which come as text: a list is one that was given several times. */
export function checkParameters<T>(schema: z.ZodType<T>, given: unknown): z.ZodSafeParseResult<T> {
  const error = (issue: z.core.$ZodRawIssue) =>
    Array.isArray(issue.input) && issue.path?.length === 1 ? 'may be given once only' : wordsOf(issue);
  return schema.safeParse(given, { error });
}

/** The words for each name that an issue does not know; for another issue its message. */
export function wordsByName(
  issue: z.core.$ZodIssueUnrecognizedKeys,
  most: number,
): readonly [string, string][] {
  const known = knownInstead.get(issue.keys);
  return issue.keys
    .slice(0, most)
    .map((key) => [key, known === undefined ? issue.message : unknownName(key, known)]);
}

function wordsOf(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return expectedType(issue.format === 'safeint' ? 'int' : issue.expected, issue.input);
    case 'too_big':
    case 'too_small':
      return expectedSize(issue);
    case 'invalid_value':
      return expectedWord(issue.values, issue.input);
    case 'invalid_format':
      return `expected ${FORMATS[issue.format] ?? formOf(issue)}`;
    case 'not_multiple_of':
      return `expected a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
      knownInstead.set(issue.keys, namesOf(issue.inst));
      return `${quoted(issue.keys[0] ?? '')} ${unknownName(issue.keys[0] ?? '', namesOf(issue.inst))}`;
    case 'invalid_union':
      return expectedOption(issue);
    default:
      return 'expected another value';
  }
}

/** What is wrong with a name that an object or a list of parameters does not have. */
function unknownName(name: string, known: readonly string[]): string {
  if (known.length === 0) return 'is not known here; nothing is';
  const listed = known.length > MOST_KNOWN ? [...known.slice(0, MOST_KNOWN), '…'] : known;
  return `is not known here; known ${known.length === 1 ? 'is only' : 'are'} ${listed.join(', ')}${meant(name, known)}`;
}

/** The end of an error about a name that is not known; empty where none of the known ones is near. */
export function meant(given: string, known: readonly string[]): string {
  const nearest = nearestWord(given, known);
  return nearest === undefined ? '' : `; did you mean ${quoted(nearest)}?`;
}

function namesOf(schema: unknown): readonly string[] {
  const named = schema as { readonly _zod: { readonly def: { readonly shape?: object } } } | undefined;
  return Object.keys(named?._zod.def.shape ?? {});
}

function expectedType(expected: string, input: unknown): string {
  const what = TYPES[expected] ?? 'another value';
  if (input === undefined) return `is missing: expected ${what}`;
  return `expected ${what}, received ${typeOf(input)}`;
}

function typeOf(input: unknown): string {
  if (input === null) return 'null';
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'number') return Number.isFinite(input) ? String(input) : 'no number';
  if (typeof input === 'boolean') return String(input);
  return TYPES[typeof input] ?? 'another value';
}

type SizeIssue = z.core.$ZodRawIssue<z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall>;

function expectedSize(issue: SizeIssue): string {
  const bound = Number(issue.code === 'too_big' ? issue.maximum : issue.minimum);
  const received = sizeOf(issue.input);
  return `expected ${boundWords(issue, bound)}${unitOf(issue.origin, bound)}${received === null ? '' : `, received ${received}`}`;
}

function boundWords({ code, exact, inclusive }: SizeIssue, bound: number): string {
  if (exact) return `exactly ${bound}`;
  if (code === 'too_big') return `${inclusive ? 'at most' : 'less than'} ${bound}`;
  return `${inclusive ? 'at least' : 'more than'} ${bound}`;
}

function unitOf(origin: string, bound: number): string {
  if (origin === 'string') return bound === 1 ? ' character' : ' characters';
  if (origin === 'array' || origin === 'set' || origin === 'map') return bound === 1 ? ' entry' : ' entries';
  if (origin === 'object') return bound === 1 ? ' member' : ' members';
  return '';
}

function sizeOf(input: unknown): string | null {
  if (typeof input === 'number') return String(input);
  if (typeof input === 'string' || Array.isArray(input)) return String(input.length);
  return null;
}

function expectedWord(values: readonly unknown[], input: unknown): string {
  const words = values.map(String);
  const what = words.length === 1 ? words[0]! : `one of ${words.join(', ')}`;
  if (input === undefined) return `is missing: expected ${what}`;
  if (typeof input !== 'string') return `expected ${what}, received ${typeOf(input)}`;
  return `expected ${what}, received ${quoted(input.toWellFormed())}${meant(input, words)}`;
}

function formOf(issue: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidStringFormat>): string {
  return issue.format === 'regex' && issue.pattern !== undefined
    ? `a text of the form ${issue.pattern}`
    : 'another form';
}

function expectedOption(issue: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidUnion>): string {
  const options = (issue.options ?? []) as readonly unknown[];
  if (options.length > 0) return expectedWord(options, valueAt(issue.input, issue.discriminator));
  const expected = (issue.errors ?? []).flatMap(([first]) => {
    const [, what] = /^(?:is missing: )?expected (.*?)(?:, received .*)?$/s.exec(first?.message ?? '') ?? [];
    return what === undefined ? [] : [what];
  });
  if (expected.length === 0) return 'expected another value';
  const what = [...new Set(expected)].join(', or ');
  return issue.input === undefined
    ? `is missing: expected ${what}`
    : `expected ${what}, received ${typeOf(issue.input)}`;
}

function valueAt(input: unknown, name: string | undefined): unknown {
  return name === undefined ? input : (input as Readonly<Record<string, unknown>> | null | undefined)?.[name];
}
