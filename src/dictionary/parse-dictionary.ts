import { createHash } from 'node:crypto';
import type { Dictionary, Table } from '../types.ts';
import { describe, isObject, optionalString, Place } from './faults.ts';
import { orderTables } from './order-tables.ts';
import { checkReferences } from './parse-keys.ts';
import { parseTable } from './parse-table.ts';

/**
 * Reads a Data Package descriptor (https://datapackage.org/standard/data-package/, version 2; version 1's
 * spellings where version 2 asks consumers to accept them). What Longshore would have to ignore although it
 * decides which rows are valid is refused; what says nothing about rows (`licenses`, `path`, own properties) is
 * ignored.
 * @throws LongshoreError `dictionary-invalid` with every fault, each with its JSON pointer.
 */
export function parseDictionary(descriptor: unknown): Dictionary {
  const root = new Place();
  if (!isObject(descriptor)) {
    root.fault(`expected a Data Package descriptor (an object), received ${describe(descriptor)}`);
    throw root.error();
  }
  const name = optionalString(descriptor.name, root.at('name')) ?? 'dictionary';
  const version = optionalString(descriptor.version, root.at('version'));
  if (version === '') root.at('version').fault('expected a version, received an empty string');
  const tables = parseTables(descriptor.resources, root.at('resources'));
  checkReferences(tables, root.at('resources'));
  const ordered = root.isFaultless ? orderTables(tables, root.at('resources')) : tables;
  if (!root.isFaultless) throw root.error();
  return { name, version: version ?? contentVersion(descriptor), tables: ordered };
}

function parseTables(resources: unknown, place: Place): Table[] {
  if (!Array.isArray(resources) || resources.length === 0) {
    place.fault(`expected a list of at least one resource, received ${describe(resources)}`);
    return [];
  }
  const names = new Map<string, number>();
  return resources.map((resource, index) => {
    const table = parseTable(resource, place.at(index));
    const first = names.get(table.name);
    if (first !== undefined && table.name !== '') {
      place
        .at(index)
        .at('name')
        .fault(`the table "${table.name}" is also resource ${first}; names must be unique`);
    }
    names.set(table.name, first ?? index);
    return table;
  });
}

/** A version for a descriptor that has none: the same content in any order of properties has the same one. */
function contentVersion(descriptor: unknown): string {
  return `sha256:${createHash('sha256').update(canonicalJson(descriptor)).digest('hex').slice(0, 12)}`;
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value) ?? 'null';
  const entries = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`);
  return `{${entries.join(',')}}`;
}
