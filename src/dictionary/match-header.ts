import { LongshoreError } from '../errors.ts';
import type { Field, FieldsMatch, Table } from '../types.ts';

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

/**
 * Maps a header's names to fields by Table Schema v2's `fieldsMatch`: `exact` by order (the names have to be the
 * fields', in their order), the others by name. White space around a name does not count. A field that is
 * required, or part of the primary key, can never be left out: each row would be rejected.
 * @throws LongshoreError `header-mismatch` naming what is missing, unexpected, doubled or out of order.
 */
export function matchHeader(table: Table, header: readonly string[]): ColumnMap {
  const names = header.map((name) => name.trim());
  const faults =
    table.fieldsMatch === 'exact' ? exactFaults(table, names) : namedFaults(table, names, table.fieldsMatch);
  if (faults.length > 0) {
    throw new LongshoreError('header-mismatch', `table "${table.name}": ${faults.join('; ')}`, {
      places: faults.map((detail) => ({ detail })),
    });
  }
  return { columns: table.fields.map((field) => names.indexOf(field.name)), width: names.length };
}

function exactFaults(table: Table, names: readonly string[]): string[] {
  const faults = setFaults(table.fields, names);
  if (faults.length > 0) return faults;
  return table.fields.flatMap(({ name }, index) =>
    name === names[index] ? [] : [`expected "${name}" as column ${index + 1}, received "${names[index]}"`],
  );
}

function namedFaults(table: Table, names: readonly string[], match: FieldsMatch): string[] {
  const needed = MAY_HAVE_FEWER.includes(match)
    ? table.fields.filter(({ name, constraints }) => constraints.required || table.primaryKey.includes(name))
    : table.fields;
  const faults = setFaults(table.fields, names, { needed, more: MAY_HAVE_MORE.includes(match) });
  if (faults.length === 0 && !table.fields.some(({ name }) => names.includes(name))) {
    faults.push('no column is a field of the table');
  }
  return faults;
}

function setFaults(
  fields: readonly Field[],
  names: readonly string[],
  { needed = fields, more = false }: { readonly needed?: readonly Field[]; readonly more?: boolean } = {},
): string[] {
  const known = new Set(fields.map((field) => field.name));
  const missing = needed.map((field) => field.name).filter((name) => !names.includes(name));
  const unexpected = more ? [] : names.filter((name) => !known.has(name));
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  return [
    ...list('missing', missing),
    ...list('unexpected', unexpected),
    ...list('more than once', [...new Set(twice)]),
  ];
}

function list(word: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${word}: ${names.map((name) => `"${name}"`).join(', ')}`];
}
