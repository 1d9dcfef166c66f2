import type { Dialect } from '../types.ts';
import { describe, isObject, optionalBoolean, type Place } from './faults.ts';

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
  caseSensitiveHeader: 'headers are compared exactly',
  property: 'files are delimited text',
  itemType: 'files are delimited text',
  itemKeys: 'files are delimited text',
  sheetNumber: 'files are delimited text',
  sheetName: 'files are delimited text',
  table: 'files are delimited text',
};

/**
 * Reads a Table Dialect (https://datapackage.org/standard/table-dialect/). `lineTerminator` may be any of the
 * usual ones: CRLF, LF and CR are all read, whichever is named. An own property is ignored.
 */
export function parseDialect(value: unknown, place: Place): Dialect {
  if (!isObject(value)) {
    place.fault(`expected a Table Dialect, embedded in the resource, received ${describe(value)}`);
    return DEFAULT_DIALECT;
  }
  for (const [name, reason] of Object.entries(UNSUPPORTED)) {
    if (value[name] !== undefined) place.at(name).fault(`"${name}" is not supported: ${reason}`);
  }
  const { headerRows, lineTerminator } = value;
  if (headerRows !== undefined && JSON.stringify(headerRows) !== '[1]') {
    place
      .at('headerRows')
      .fault(`a header is the first record: expected [1], received ${describe(headerRows)}`);
  }
  if (lineTerminator !== undefined && !ENDS_OF_LINE.has(lineTerminator)) {
    place
      .at('lineTerminator')
      .fault(`records end with CRLF, LF or CR (each is read), received ${describe(lineTerminator)}`);
  }
  const flag = (name: 'header' | 'doubleQuote' | 'skipInitialSpace'): boolean =>
    optionalBoolean(value[name], place.at(name)) ?? DEFAULT_DIALECT[name];
  const char = (name: 'quoteChar' | 'escapeChar' | 'commentChar'): string | null => {
    const text = value[name];
    if (text === undefined) return DEFAULT_DIALECT[name];
    return text === null || text === '' ? null : character(text, place.at(name));
  };
  const dialect: Dialect = {
    delimiter:
      value.delimiter === undefined ? ',' : (character(value.delimiter, place.at('delimiter')) ?? ','),
    header: flag('header'),
    quoteChar: char('quoteChar'),
    doubleQuote: flag('doubleQuote'),
    escapeChar: char('escapeChar'),
    skipInitialSpace: flag('skipInitialSpace'),
    commentChar: char('commentChar'),
  };
  checkDistinct(dialect, place);
  return dialect;
}

function character(value: unknown, place: Place): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly the ASCII characters, without NUL, LF and CR
  if (typeof value === 'string' && /^[\x01-\x09\x0b\x0c\x0e-\x7f]$/.test(value)) return value;
  place.fault(`expected one ASCII character that does not end a line, received ${describe(value)}`);
  return null;
}

/** A quote may also be the escape (that is doubling, by another name); no other character may have two meanings. */
function checkDistinct(dialect: Dialect, place: Place): void {
  const meanings = new Map<string, string>();
  for (const name of ['delimiter', 'quoteChar', 'escapeChar', 'commentChar'] as const) {
    const char = dialect[name];
    if (char === null || (name === 'escapeChar' && char === dialect.quoteChar)) continue;
    if (name !== 'delimiter' && /\s/.test(char)) place.at(name).fault(`white space can not be the ${name}`);
    const other = meanings.get(char);
    if (other) place.at(name).fault(`${describe(char)} is also the ${other}`);
    meanings.set(char, name);
  }
  if (dialect.skipInitialSpace && meanings.has(' ')) {
    place.at('skipInitialSpace').fault(`a space is also the ${meanings.get(' ')}`);
  }
}
