import type { Field, RejectCode, Table } from '../types.ts';

export interface UniqueKey {
  readonly fields: readonly string[];
  readonly code: Extract<RejectCode, 'primary-key' | 'unique-error'>;
}

/** What of a table says which keys it has. */
export interface KeyedTable extends Pick<Table, 'primaryKey' | 'uniqueKeys'> {
  readonly fields: readonly Pick<Field, 'name' | 'constraints'>[];
}

/** Keys beside the primary key, each once, in the order in which they are checked. */
export function uniqueKeysOf(table: KeyedTable): UniqueKey[] {
  const unique = table.fields.filter(({ constraints }) => constraints.unique).map(({ name }) => [name]);
  const seen = new Set([nameOf(table.primaryKey)]);
  return [...unique, ...table.uniqueKeys].flatMap((fields): UniqueKey[] => {
    const known = seen.has(nameOf(fields));
    seen.add(nameOf(fields));
    return known ? [] : [{ fields, code: 'unique-error' }];
  });
}

/** All keys, the primary key first. */
export function keysOf(table: KeyedTable): UniqueKey[] {
  const { primaryKey } = table;
  const primary: UniqueKey[] = primaryKey.length > 0 ? [{ fields: primaryKey, code: 'primary-key' }] : [];
  return [...primary, ...uniqueKeysOf(table)];
}

/** The key's name, which is the same for its fields in any order. */
function nameOf(fields: readonly string[]): string {
  return JSON.stringify([...fields].sort());
}
