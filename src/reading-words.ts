import type { ReadAs, Table } from './types.ts';

/** How a reading is said in texts, parameters and options of the client. */

/** Options of the client, and the members of a dialect that they are: the parameters of a request have the same names. */
export const READING_OPTIONS = [
  ['delimiter', 'delimiter'],
  ['encoding', 'encoding'],
  ['header', 'header'],
  ['quote', 'quoteChar'],
  ['doubleQuote', 'doubleQuote'],
  ['escape', 'escapeChar'],
  ['skipInitialSpace', 'skipInitialSpace'],
  ['comment', 'commentChar'],
] as const;

/** In place of nothing: easier to type, and to tell from a value that was forgotten. */
export const NONE = 'none';

type Member = keyof ReadAs;
type Value = ReadAs[Member];

/** The option that reads a file as a member of its dialect says: `--delimiter ';'`. */
export function optionFor(member: string, value: Value): string {
  const option = READING_OPTIONS.find(([, name]) => name === member)?.[0] ?? member;
  const name = option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  if (typeof value === 'boolean') return value ? `--${name}` : `--no-${name}`;
  return `--${name} ${shellWord(value ?? '')}`;
}

function shellWord(value: string): string {
  if (value === '') return NONE;
  if (value === '\t') return 'tab';
  if (/^[\w.-]+$/.test(value)) return value;
  return value.includes("'") ? `"${value}"` : `'${value}'`;
}

/** The parameter of a request that says the same: `delimiter=%3B`. */
function parameterFor(member: string, value: Value): string {
  const text = value === null || value === undefined ? '' : value === '\t' ? 'tab' : String(value);
  return `${member}=${encodeURIComponent(text)}`;
}

/**
 * Says how a file seems to be written, and what reads it so: `the file seems to be separated by ';' (the table says
 * ','): delimiter=%3B reads it, in the client --delimiter ';'`.
 *
 * @param table as the file was read
 * @param asked how that differed from the dictionary, by request
 */
export function hintFor(
  seems: ReadAs,
  table: Pick<Table, 'dialect' | 'encoding'>,
  asked: ReadAs | null,
  what = 'the file',
): string {
  const members = READING_OPTIONS.map(([, member]) => member).filter((member) => seems[member] !== undefined);
  const said = members.map((member) => {
    const who = asked?.[member] === undefined ? 'the table says' : 'the request says';
    const now = member === 'encoding' ? table.encoding : table.dialect[member];
    return `${seemingly(member, seems[member])} (${who} ${valueText(member, now)})`;
  });
  const parameters = members.map((member) => parameterFor(member, seems[member])).join('&');
  const options = members.map((member) => optionFor(member, seems[member])).join(' ');
  return `${what} seems to be ${said.join(' and ')}: ${parameters} reads it, in the client ${options}`;
}

function seemingly(member: Member, value: Value): string {
  switch (member) {
    case 'delimiter':
      return `separated by ${characterText(value)}`;
    case 'encoding':
      return `in ${value}`;
    case 'header':
      return value === true ? 'with a header' : 'without a header';
    case 'quoteChar':
      return value === null ? 'without quotes' : `quoted by ${characterText(value)}`;
    case 'escapeChar':
      return value === null ? 'without escapes' : `escaped by ${characterText(value)}`;
    case 'commentChar':
      return value === null ? 'without comments' : `with comments that begin with ${characterText(value)}`;
    case 'doubleQuote':
      return value === true ? 'with doubled quotes' : 'without doubled quotes';
    default:
      return value === true ? 'with spaces before its cells' : 'without spaces before its cells';
  }
}

function valueText(member: Member, value: Value): string {
  if (member === 'encoding') return String(value);
  if (typeof value === 'boolean') return value ? 'with' : 'without';
  return value === null || value === undefined ? NONE : characterText(value);
}

function characterText(value: Value): string {
  const text = String(value);
  if (text === '\t') return 'tabs';
  if (text === ' ') return 'spaces';
  if (text < ' ') return `U+${text.charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()}`;
  return text === "'" ? `"'"` : `'${text}'`;
}
