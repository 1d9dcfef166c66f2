import { LongshoreError } from '../errors.ts';
import type { Dialect, ReadAs, Table } from '../types.ts';
import { parseEncoding } from './encodings.ts';
import { Place } from './faults.ts';
import { parseDialect } from './parse-dialect.ts';

/** How one file is read, as it is asked for: members of the dialect, and the encoding; not checked yet. */
export type ReadingOverrides = { readonly [Name in keyof ReadAs]?: ReadAs[Name] | undefined };

/** Texts in place of a tab, which is hard to type in a shell or an address. */
const TABS: ReadonlySet<unknown> = new Set(['\\t', 'tab']);

/** Members that may be nothing, and a text in place of that. */
const OPTIONAL = ['quoteChar', 'escapeChar', 'commentChar'];
const NONE = 'none';

/**
 * What is asked for in place of a table's dialect and encoding, checked as the dictionary's are, in the dictionary's
 * words: a delimiter `tab` is a tab, no quote is null, an encoding has its WHATWG name.
 *
 * @returns null: nothing is asked for
 * @throws LongshoreError `invalid-request` with every parameter that is wrong
 */
export function parseReadAs(
  table: Pick<Table, 'dialect'>,
  { encoding, ...asked }: ReadingOverrides,
): ReadAs | null {
  const members = Object.entries(asked).filter(([, value]) => value !== undefined);
  if (encoding === undefined && members.length === 0) return null;
  const given = Object.fromEntries(members);
  if (TABS.has(given.delimiter)) given.delimiter = '\t';
  for (const member of OPTIONAL) if (given[member] === NONE) given[member] = null;
  const found = new Place();
  const { dialect } = parseDialect({ dialect: { ...table.dialect, ...given } }, found);
  const name = encoding === undefined ? undefined : parseEncoding(encoding, found.at('encoding'));
  const { faults } = found.found;
  if (faults.length > 0) {
    const places = faults.map(({ pointer, detail }) => {
      const member = pointer.slice(pointer.lastIndexOf('/') + 1);
      if (member === 'encoding' || member in given) return place(member, detail);
      // What is given gets a character that already means something in the table's dialect.
      return place(members[0]![0], `the table's ${member}: ${detail}`);
    });
    const message = places.map(({ detail }) => detail).join('; ');
    throw new LongshoreError('invalid-request', message, { places });
  }
  const checked = Object.fromEntries(members.map(([key]) => [key, dialect[key as keyof Dialect]]));
  return { ...checked, ...(name !== undefined && { encoding: name }) };
}

function place(parameter: string, detail: string) {
  return { parameter, detail: `${parameter}: ${detail}` };
}

/** The table as it is for one file or batch. Its rules are the same. */
export function readTableAs(table: Table, readAs: ReadAs | null): Table {
  if (readAs === null) return table;
  const { encoding, ...members } = readAs;
  return { ...table, dialect: { ...table.dialect, ...members }, encoding: encoding ?? table.encoding };
}

/** The table as a text has to be read that is not in its encoding. */
export function inEncoding(table: Table, textEncoding: string | null): Table {
  return textEncoding === null ? table : { ...table, encoding: textEncoding };
}
