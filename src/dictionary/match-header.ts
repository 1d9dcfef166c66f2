import { LongshoreError } from '../errors.ts';
import type { Field, FieldsMatch, HeaderMatch, LoadMode, Table } from '../types.ts';
import { describe } from './faults.ts';

/** Where each field's cell is, as `CompiledTable.checkRow` takes it. */
export interface ColumnMap {
  /** For each field the index of its cell in a record, or -1 when the file does not have it. */
  readonly columns: readonly number[];
  /** How many cells a record should have. */
  readonly width: number;
}

/** The map of a file without a header: the dictionary's fields in their order, but for those with a constant. */
export function columnsWithoutHeader(table: Table): ColumnMap {
  let width = 0;
  const columns = table.fields.map(({ constant }) => (constant === undefined ? width++ : -1));
  return { columns, width };
}

/** The names of the columns of a file without a header. */
export function columnNames({ fields }: Pick<Table, 'fields'>): string[] {
  return fields.filter(({ constant }) => constant === undefined).map(({ name }) => name);
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
 * fields', in their order), the others by name. White space around a name does not count, and a field may
 * have other names (`headerNames`). A field that is part of the primary key can never be left out, nor one that is
 * required unless rows are merged: each row would be rejected. One that has a default or a constant always can, and the
 * column of one with a constant is ignored.
 * @throws LongshoreError `header-mismatch` with what is missing, unexpected, doubled or out of order. The message
 *   gives the fields' names and the columns' numbers, since it goes into histories and logs; `places` quote the header.
 */
export function matchHeader(table: Table, header: readonly string[], mode: LoadMode = 'append'): ColumnMap {
  const names = headerNames(table, header);
  const faults = table.fieldsMatch === 'exact' ? exactFaults(table, names) : namedFaults(table, names, mode);
  if (faults.length > 0) {
    const messages = faults.map(({ message }) => message).join('; ');
    throw new LongshoreError('header-mismatch', `table "${table.name}": ${messages}`, {
      places: faults.map(({ detail }) => ({ detail })),
    });
  }
  const columns = table.fields.map(({ name, constant }) =>
    constant === undefined ? names.indexOf(name) : -1,
  );
  return { columns, width: names.length };
}

/** What decides which field a name of a header means. */
export type NamedFields = Pick<Table, 'matchHeader'> & {
  readonly fields: readonly Pick<Field, 'name' | 'from'>[];
};

/**
 * The names of a header as fields have them. White space around a name does not count, unless a field has it too. A
 * field's own name goes before another one's alias, and an exact name before one that is only alike.
 */
export function headerNames(
  { fields, matchHeader: match }: NamedFields,
  header: readonly string[],
): string[] {
  const steps: ReadonlyMap<string, string>[] = [
    new Map(fields.map(({ name }) => [name, name])),
    new Map(namesOf(fields).map(([text, name]) => [text.trim(), name])),
  ];
  const fold = match && ((text: string) => foldedName(text, match));
  if (fold) steps.push(new Map(namesOf(fields).map(([text, name]) => [fold(text), name])));
  return header.map((cell) => {
    const text = cell.trim();
    return (
      steps[0]!.get(cell) ??
      steps[0]!.get(text) ??
      steps[1]!.get(text) ??
      (fold && steps[2]!.get(fold(text))) ??
      text
    );
  });
}

/** Every text that means a field, with the field's name: own names last, so that they go before aliases in a map. */
function namesOf(fields: NamedFields['fields']): (readonly [string, string])[] {
  const aliases = fields.flatMap(({ name, from = [] }) => from.map((text) => [text, name] as const));
  return [...aliases, ...fields.map(({ name }) => [name, name] as const)];
}

/** A name without what does not count in it. */
export function foldedName(text: string, { ignoreCase, ignoreSpaces }: HeaderMatch): string {
  const solid = ignoreSpaces ? text.replaceAll(/\s/g, '') : text.trim();
  return ignoreCase ? solid.toLowerCase() : solid;
}

function exactFaults(table: Table, names: readonly string[]): HeaderFault[] {
  const faults = setFaults(table.fields, names, { needed: table.fields.filter(needsColumn) });
  if (faults.length > 0) return faults;
  // The names are the fields', none is missing and none is twice: they may be shown.
  return table.fields
    .filter(({ name }) => names.includes(name))
    .flatMap(({ name }, index) => {
      if (name === names[index]) return [];
      return [plain(`expected "${name}" as column ${index + 1}, received "${names[index]}"`)];
    });
}

function namedFaults(table: Table, names: readonly string[], mode: LoadMode): HeaderFault[] {
  const { fieldsMatch: match } = table;
  const candidates = MAY_HAVE_FEWER.includes(match)
    ? table.fields.filter(
        ({ name, constraints }) =>
          (constraints.required && mode !== 'merge') || table.primaryKey.includes(name),
      )
    : table.fields;
  const needed = candidates.filter(needsColumn);
  const faults = setFaults(table.fields, names, { needed, more: MAY_HAVE_MORE.includes(match) });
  if (faults.length === 0 && !table.fields.some(({ name }) => names.includes(name))) {
    faults.push(plain('no column is a field of the table'));
  }
  return faults;
}

/** Its cells can't come from anywhere else. */
function needsColumn({ constant, default: otherwise }: Field): boolean {
  return constant === undefined && otherwise === undefined;
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
