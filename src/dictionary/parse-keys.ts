import { meant } from '../schema-words.ts';
import type { Field, ForeignKey, Table } from '../types.ts';
import { describe, isObject, type Place, stringList } from './faults.ts';
import { FOREIGN_KEY_MEMBERS, REFERENCE_MEMBERS, warnOfUnknown } from './members.ts';

/** PostgreSQL's limit for indexes and references (INDEX_MAX_KEYS). */
const MAX_KEY_FIELDS = 32;

/** `primaryKey`: a list of field names, or (version 1) one name. */
export function parsePrimaryKey(value: unknown, names: readonly string[], place: Place): readonly string[] {
  return value === undefined ? [] : keyFields(value, names, place);
}

export function parseUniqueKeys(
  value: unknown,
  names: readonly string[],
  place: Place,
): readonly (readonly string[])[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length === 0) {
    place.fault(`expected a list of at least one key, received ${describe(value)}`);
    return [];
  }
  return value.map((key, index) => keyFields(key, names, place.at(index)));
}

/** A reference without `resource`, or (version 1) with an empty one, is to the table itself. */
export function parseForeignKeys(
  value: unknown,
  table: { readonly name: string; readonly names: readonly string[] },
  place: Place,
): readonly ForeignKey[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    place.fault(`expected a list of foreign keys, received ${describe(value)}`);
    return [];
  }
  return value.flatMap((key, index): ForeignKey[] => {
    const at = place.at(index);
    if (!isObject(key) || !isObject(key.reference)) {
      at.fault(`expected an object with "fields" and "reference", received ${describe(key)}`);
      return [];
    }
    warnOfUnknown(key, FOREIGN_KEY_MEMBERS, at);
    warnOfUnknown(key.reference, REFERENCE_MEMBERS, at.at('reference'));
    const fields = keyFields(key.fields, table.names, at.at('fields'));
    const target = at.at('reference').at('fields');
    const referenced = stringList(asList(key.reference.fields), target) ?? [];
    const { resource } = key.reference;
    if (resource !== undefined && typeof resource !== 'string') {
      at.at('reference')
        .at('resource')
        .fault(`expected the name of a resource, received ${describe(resource)}`);
      return [];
    }
    if (fields.length !== referenced.length) {
      target.fault(`expected ${fields.length} fields, as many as the key has, received ${referenced.length}`);
    }
    return [{ fields, reference: { table: resource || table.name, fields: referenced } }];
  });
}

function keyFields(value: unknown, names: readonly string[], place: Place): readonly string[] {
  const fields = stringList(asList(value), place) ?? [];
  if (Array.isArray(value) && value.length === 0) place.fault('expected at least one field');
  if (fields.length > MAX_KEY_FIELDS) {
    place.fault(
      `expected at most ${MAX_KEY_FIELDS} fields in a key (PostgreSQL's limit), received ${fields.length}`,
    );
  }
  for (const name of fields) {
    if (!names.includes(name)) place.fault(`the table has no field "${name}"${meant(name, names)}`);
  }
  return fields;
}

function asList(value: unknown): unknown {
  return typeof value === 'string' ? [value] : value;
}

/**
 * Checks what only the whole dictionary can tell: that each foreign key leads to a table's primary key or one of
 * its unique keys (PostgreSQL asks for that), with types that can be compared.
 * @param placeOf gives the place of a table's resource, by its index
 */
export function checkReferences(tables: readonly Table[], placeOf: (index: number) => Place): void {
  const names = tables.map(({ name }) => name);
  tables.forEach((table, index) => {
    table.foreignKeys.forEach((key, keyIndex) => {
      const at = placeOf(index).at('schema').at('foreignKeys').at(keyIndex).at('reference');
      const target = tables.find((one) => one.name === key.reference.table);
      if (!target) {
        const { table: given } = key.reference;
        at.at('resource').fault(`the dictionary has no table "${given}"${meant(given, names)}`);
      } else checkReference(table, key, target, at.at('fields'));
    });
  });
}

function checkReference(table: Table, key: ForeignKey, target: Table, place: Place): void {
  const { fields } = key.reference;
  const missing = fields.filter((name) => !target.fields.some((field) => field.name === name));
  if (missing.length > 0) {
    const near = missing.length === 1 ? meant(missing[0]!, namesOf(target)) : '';
    place.fault(
      `the table "${target.name}" has no field ${missing.map((name) => `"${name}"`).join(', ')}${near}`,
    );
    return;
  }
  const unique = target.fields.filter((field) => field.constraints.unique).map((field) => [field.name]);
  const keys = [target.primaryKey, ...target.uniqueKeys, ...unique];
  if (!keys.some((one) => one.length === fields.length && one.every((name) => fields.includes(name)))) {
    place.fault(`expected the primary key or a unique key of "${target.name}", received ${describe(fields)}`);
  }
  fields.forEach((name, index) => {
    const from = table.fields.find((field) => field.name === key.fields[index]);
    const to = target.fields.find((field) => field.name === name);
    if (from && to && kind(from) !== kind(to)) {
      place.at(index).fault(`"${from.name}" is of type "${from.type}", and "${name}" of type "${to.type}"`);
    }
  });
}

function namesOf({ fields }: Table): readonly string[] {
  return fields.map(({ name }) => name);
}

function kind(field: Field): string {
  return field.type === 'any' ? 'string' : field.type;
}
