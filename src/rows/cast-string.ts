import { domainToASCII } from 'node:url';
import type { Caster } from './field-reading.ts';

/** Table Schema v2's formats of `string`, each with what it expects and how it is recognized. */
export const STRING_FORMATS: Readonly<
  Record<string, { readonly expected: string; is(cell: string): boolean }>
> = {
  default: { expected: 'a string', is: () => true },
  email: { expected: 'an email address', is: isEmail },
  uri: { expected: 'a URI', is: (cell) => URI.test(cell) },
  binary: {
    expected: 'base64',
    is: (cell) => cell.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(cell),
  },
  uuid: {
    expected: 'a UUID',
    is: (cell) => /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(cell),
  },
};

/** Kept as text whatever the format is. The one thing that PostgreSQL's text can't hold is a NUL character. */
export function stringCaster(format: string): Caster {
  const known = STRING_FORMATS[format];
  if (!known) throw new RangeError(`unknown format "${format}" of a string`);
  return {
    expected: known.expected,
    cast: (cell) => (cell.includes('\0') || !known.is(cell) ? null : cell),
    explain: (cell) => (cell.includes('\0') ? 'a NUL character can not be stored' : null),
    against: (bound) => (value) => (value === bound ? 0 : value < bound ? -1 : 1),
  };
}

const UNRESERVED = "[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2}";
const PCHAR = `(?:${UNRESERVED}|[:@])`;

/** RFC 3986, section 3: scheme, authority or path, query, fragment; ASCII only. */
const URI = new RegExp(
  [
    '^[A-Za-z][A-Za-z0-9+.-]*:',
    `(?://(?:(?:${UNRESERVED}|:)*@)?(?:\\[[0-9A-Fa-f:.]+\\]|(?:${UNRESERVED})*)(?::\\d*)?(?:/${PCHAR}*)*`,
    `|/?(?:${PCHAR}+(?:/${PCHAR}*)*)?)`,
    `(?:\\?(?:${PCHAR}|[/?])*)?(?:#(?:${PCHAR}|[/?])*)?$`,
  ].join(''),
);

const LATIN = '\\u00A0-\\u024F';
const ATOM = `[${LATIN}0-9a-z!#$%&'*+/=?^_\`{}|~-]+`;
export const LOCAL_PART = new RegExp(
  `^(?:${ATOM}(?:\\.${ATOM})*|"(?:[${LATIN}!#-\\[\\]-~]|\\\\[\\t.])*")$`,
  'i',
);
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9][a-z0-9-]{0,61}[a-z]$/i;

/** RFC 5321 without address literals: a dotted atom or quoted string of 64 at most, and a domain of two labels or more. */
function isEmail(cell: string): boolean {
  const at = cell.lastIndexOf('@');
  if (at < 1 || at > 64 || cell.length - at > 254) return false;
  const domain = cell.slice(at + 1);
  return LOCAL_PART.test(cell.slice(0, at)) && DOMAIN.test(isAscii(domain) ? domain : domainToASCII(domain));
}

function isAscii(text: string): boolean {
  return /^[ -~]*$/.test(text);
}
