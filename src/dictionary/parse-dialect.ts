import type { Dialect } from '../types.ts';
import { describe, isObject, type JsonObject, optionalBoolean, type Place } from './faults.ts';
import { CSV_CONTROL_MEMBERS, DIALECT_MEMBERS, warnOfUnknown } from './members.ts';

/** Table Dialect v2's defaults for delimited text. */
export const DEFAULT_DIALECT: Dialect = {
  delimiter: ',',
  header: true,
  quoteChar: '"',
  doubleQuote: true,
  escapeChar: null,
  skipInitialSpace: false,
  commentChar: null,
};

const ENDS_OF_LINE: ReadonlySet<unknown> = new Set(['\r\n', '\n', '\r']);

/** Standard properties that would change how files are read and that Longshore does not support, with the reasons. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  headerJoin: 'a header is one record',
  commentRows: 'comments are told by commentChar',
  nullSequence: "use the schema's missingValues",
  property: 'files are delimited text',
  itemType: 'files are delimited text',
  itemKeys: 'files are delimited text',
  sheetNumber: 'files are delimited text',
  sheetName: 'files are delimited text',
  table: 'files are delimited text',
};

/** What frictionless 4 keeps beside the dialect, in `layout`, and what of it would change which rows a file has. */
const LAYOUT_READ = ['header', 'headerRows', 'headerJoin', 'commentChar'];
const LAYOUT_CHOICES = [
  ...['pickFields', 'skipFields', 'limitFields', 'offsetFields'],
  ...['pickRows', 'skipRows', 'limitRows', 'offsetRows'],
];

interface ParsedDialect {
  readonly dialect: Dialect;
  /** Version 1 has it in the dialect. */
  readonly caseSensitiveHeader: boolean | undefined;
}

/** A member of the dialect with its own place, wherever it stands. */
interface Member {
  readonly value: unknown;
  readonly place: Place;
}

/**
 * Reads a resource's Table Dialect (https://datapackage.org/standard/table-dialect/). `lineTerminator` may be any of
 * the usual ones: CRLF, LF and CR are all read, whichever is named. An own property is ignored. What frictionless 5
 * writes into `dialect.csv`, and frictionless 4 into `layout`, counts as the dialect's.
 */
export function parseDialect(resource: JsonObject, place: Place): ParsedDialect {
  const members = membersOf(resource, place);
  const own = place.at('dialect');
  const placeOf = (name: string): Place => members.get(name)?.place ?? own.at(name);
  const given = (name: string): unknown => members.get(name)?.value;
  for (const [name, reason] of Object.entries(UNSUPPORTED)) {
    if (given(name) !== undefined) placeOf(name).fault(`"${name}" is not supported: ${reason}`);
  }
  const headerRows = given('headerRows');
  const lineTerminator = given('lineTerminator');
  const noHeaderRow = Array.isArray(headerRows) && headerRows.length === 0;
  if (headerRows !== undefined && !noHeaderRow && JSON.stringify(headerRows) !== '[1]') {
    placeOf('headerRows').fault(
      `a header is the first record: expected [1], received ${describe(headerRows)}`,
    );
  }
  if (lineTerminator !== undefined && !ENDS_OF_LINE.has(lineTerminator)) {
    placeOf('lineTerminator').fault(
      `records end with CRLF, LF or CR (each is read), received ${describe(lineTerminator)}`,
    );
  }
  const flag = (name: 'header' | 'doubleQuote' | 'skipInitialSpace'): boolean | undefined =>
    optionalBoolean(given(name), placeOf(name));
  const char = (name: 'quoteChar' | 'escapeChar' | 'commentChar'): string | null => {
    const text = given(name);
    if (text === undefined) return DEFAULT_DIALECT[name];
    return text === null || text === '' ? null : character(text, placeOf(name));
  };
  const delimiter = given('delimiter');
  const dialect: Dialect = {
    delimiter: delimiter === undefined ? ',' : (character(delimiter, placeOf('delimiter')) ?? ','),
    header: flag('header') ?? !noHeaderRow,
    quoteChar: char('quoteChar'),
    doubleQuote: flag('doubleQuote') ?? DEFAULT_DIALECT.doubleQuote,
    escapeChar: char('escapeChar'),
    skipInitialSpace: flag('skipInitialSpace') ?? DEFAULT_DIALECT.skipInitialSpace,
    commentChar: char('commentChar'),
  };
  checkDistinct(dialect, placeOf);
  const caseSensitiveHeader = optionalBoolean(given('caseSensitiveHeader'), placeOf('caseSensitiveHeader'));
  return { dialect, caseSensitiveHeader };
}

function membersOf(resource: JsonObject, place: Place): ReadonlyMap<string, Member> {
  const members = new Map<string, Member>();
  const add = (source: JsonObject, at: Place, names = Object.keys(source)): void => {
    for (const name of names) {
      const value = source[name];
      if (value === undefined) continue;
      const before = members.get(name);
      if (before !== undefined && JSON.stringify(before.value) !== JSON.stringify(value)) {
        at.at(name).fault(`expected ${describe(before.value)}, as in ${before.place.pointer}, or nothing`);
      } else members.set(name, { value, place: at.at(name) });
    }
  };
  const { dialect, layout } = resource;
  const at = place.at('dialect');
  if (isObject(dialect)) {
    warnOfUnknown(dialect, DIALECT_MEMBERS, at);
    const { csv, ...others } = dialect;
    add(others, at);
    if (isObject(csv)) {
      warnOfUnknown(csv, CSV_CONTROL_MEMBERS, at.at('csv'));
      add(csv, at.at('csv'));
    } else if (csv !== undefined) at.at('csv').fault(`expected an object, received ${describe(csv)}`);
  } else if (dialect !== undefined) {
    at.fault(`expected a Table Dialect, embedded in the resource, received ${describe(dialect)}`);
  }
  if (isObject(layout)) {
    add(layout, place.at('layout'), LAYOUT_READ);
    for (const name of LAYOUT_CHOICES.filter((one) => layout[one] !== undefined)) {
      place.at('layout').at(name).fault(`"${name}" is not supported: a load takes every row of a file`);
    }
  }
  return members;
}

function character(value: unknown, place: Place): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly the ASCII characters, without NUL, LF and CR
  if (typeof value === 'string' && /^[\x01-\x09\x0b\x0c\x0e-\x7f]$/.test(value)) return value;
  place.fault(`expected one ASCII character that does not end a line, received ${describe(value)}`);
  return null;
}

/** A quote may also be the escape (that is doubling, by another name); no other character may have two meanings. */
function checkDistinct(dialect: Dialect, placeOf: (name: string) => Place): void {
  const meanings = new Map<string, string>();
  for (const name of ['delimiter', 'quoteChar', 'escapeChar', 'commentChar'] as const) {
    const char = dialect[name];
    if (char === null || (name === 'escapeChar' && char === dialect.quoteChar)) continue;
    if (name !== 'delimiter' && /\s/.test(char)) placeOf(name).fault(`white space can not be the ${name}`);
    const other = meanings.get(char);
    if (other) placeOf(name).fault(`${describe(char)} is also the ${other}`);
    meanings.set(char, name);
  }
  if (dialect.skipInitialSpace && meanings.has(' ')) {
    placeOf('skipInitialSpace').fault(`a space is also the ${meanings.get(' ')}`);
  }
}
