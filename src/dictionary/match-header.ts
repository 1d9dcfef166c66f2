import { LongshoreError } from '../errors.ts';
import type { Field, FieldsMatch, LoadMode, Table } from '../types.ts';
import { describe } from './faults.ts';

/** Where each field's cell is, as `CompiledTable.checkRow` takes it. */
export interface ColumnMap {
  /** For each field the index of its cell in a record, or -1 when the file does not have it. */
  readonly columns: readonly number[];
  /** How many cells a record should have. */
  readonly width: number;
}

/** The map of a file without a header: the dictionary's fields in their order. */
export function columnsWithoutHeader(table: Table): ColumnMap {
  return { columns: table.fields.map((_, index) => index), width: table.fields.length };
}

const MAY_HAVE_MORE: readonly FieldsMatch[] = ['subset', 'partial'];
const MAY_HAVE_FEWER: readonly FieldsMatch[] = ['superset', 'partial'];

/** How many columns a fault names. */
const NAMED = 10;

/** What a header has wrong. Its names may be row data (a file that lacks its header): only `detail` shows them. */
interface HeaderFault {
  readonly message: string;
  readonly detail: string;
}

/**
 * Maps a header's names to fields by Table Schema v2's `fieldsMatch`: `exact` by order (the names have to be the
 * fields', in their order), the others by name. White space around a name does not count (`headerNames`). A field that
 * is part of the primary key can never be left out, nor one that is required unless rows are merged: each row would be
 * rejected.
 * @throws LongshoreError `header-mismatch` with what is missing, unexpected, doubled or out of order. The message
 *   gives the fields' names and the columns' numbers, since it goes into histories and logs; `places` quote the header.
 */
export function matchHeader(table: Table, header: readonly string[], mode: LoadMode = 'append'): ColumnMap {
  const names = headerNames(table.fields, header);
  const faults = table.fieldsMatch === 'exact' ? exactFaults(table, names) : namedFaults(table, names, mode);
  if (faults.length > 0) {
    const messages = faults.map(({ message }) => message).join('; ');
    throw new LongshoreError('header-mismatch', `table "${table.name}": ${messages}`, {
      places: faults.map(({ detail }) => ({ detail })),
    });
  }
  return { columns: table.fields.map((field) => names.indexOf(field.name)), width: names.length };
}

/** The names of a header as fields have them. White space around a name does not count, unless a field has it too. */
export function headerNames(fields: readonly Pick<Field, 'name'>[], header: readonly string[]): string[] {
  const names = new Set(fields.map(({ name }) => name));
  const bare = new Map(fields.map(({ name }) => [name.trim(), name]));
  return header.map((cell) => {
    if (names.has(cell)) return cell;
    const text = cell.trim();
    return names.has(text) ? text : (bare.get(text) ?? text);
  });
}

function exactFaults(table: Table, names: readonly string[]): HeaderFault[] {
  const faults = setFaults(table.fields, names);
  if (faults.length > 0) return faults;
  // The names are the fields', none is missing and none is twice: they may be shown.
  return table.fields.flatMap(({ name }, index) => {
    if (name === names[index]) return [];
    return [plain(`expected "${name}" as column ${index + 1}, received "${names[index]}"`)];
  });
}

function namedFaults(table: Table, names: readonly string[], mode: LoadMode): HeaderFault[] {
  const { fieldsMatch: match } = table;
  const needed = MAY_HAVE_FEWER.includes(match)
    ? table.fields.filter(
        ({ name, constraints }) =>
          (constraints.required && mode !== 'merge') || table.primaryKey.includes(name),
      )
    : table.fields;
  const faults = setFaults(table.fields, names, { needed, more: MAY_HAVE_MORE.includes(match) });
  if (faults.length === 0 && !table.fields.some(({ name }) => names.includes(name))) {
    faults.push(plain('no column is a field of the table'));
  }
  return faults;
}

function setFaults(
  fields: readonly Field[],
  names: readonly string[],
  { needed = fields, more = false }: { readonly needed?: readonly Field[]; readonly more?: boolean } = {},
): HeaderFault[] {
  const known = new Set(fields.map((field) => field.name));
  const given = new Set<string>();
  const unexpected: number[] = [];
  const twice: number[] = [];
  for (const [column, name] of names.entries()) {
    if (given.has(name)) twice.push(column);
    else if (!known.has(name) && !more) unexpected.push(column);
    given.add(name);
  }
  const missing = needed.filter((field) => !given.has(field.name)).map((field) => `"${field.name}"`);
  return [
    ...(missing.length > 0 ? [plain(`missing: ${missing.join(', ')}`)] : []),
    ...columnFault('unexpected', unexpected, names),
    ...columnFault('more than once', twice, names),
  ];
}

function columnFault(word: string, columns: readonly number[], names: readonly string[]): HeaderFault[] {
  if (columns.length === 0) return [];
  const shown = columns.slice(0, NAMED);
  const rest = columns.length > shown.length ? ` and ${columns.length - shown.length} more` : '';
  const numbers = shown.map((column) => column + 1).join(', ');
  const quoted = shown.map((column) => `${describe(names[column])} (column ${column + 1})`).join(', ');
  return [
    {
      message: `${word}: column${columns.length > 1 ? 's' : ''} ${numbers}${rest}`,
      detail: `${word}: ${quoted}${rest}`,
    },
  ];
}

function plain(text: string): HeaderFault {
  return { message: text, detail: text };
}
