import { hashOfJson } from '../canonical-json.ts';
import type { Dictionary, Table } from '../types.ts';
import {
  describe,
  dictionaryInvalid,
  type Finding,
  isObject,
  isText,
  type JsonObject,
  optionalString,
  Place,
} from './faults.ts';
import { PACKAGE_MEMBERS, warnOfUnknown } from './members.ts';
import { orderTables } from './order-tables.ts';
import { checkReferences } from './parse-keys.ts';
import { parseTable } from './parse-table.ts';

/** A descriptor that was looked at as a whole. */
export interface CheckedDescriptor {
  /** null where there are faults */
  readonly dictionary: Dictionary | null;
  readonly faults: readonly Finding[];
  /** What is ignored although it may have been meant. */
  readonly warnings: readonly Finding[];
}

export interface ParseOptions {
  /** A platform may have no table left; a descriptor that somebody writes has at least one. */
  readonly mayBeEmpty?: boolean;
}

/**
 * Reads a Data Package descriptor (https://datapackage.org/standard/data-package/, version 2; version 1's
 * spellings where version 2 asks consumers to accept them; a lone resource and whatever else frictionless's `describe`
 * writes). What Longshore would have to ignore although it decides which rows are valid is refused; what says nothing
 * about rows (`licenses`, `path`, own properties) is ignored, with a warning where it looks like a slip.
 */
export function checkDescriptor(descriptor: unknown, options: ParseOptions = {}): CheckedDescriptor {
  const root = new Place();
  const dictionary = parsePackage(descriptor, root, options);
  return { dictionary: root.isFaultless ? dictionary : null, ...root.found };
}

/**
 * The same, for a descriptor that has to be right.
 * @throws LongshoreError `dictionary-invalid` with every fault, each with its JSON pointer.
 */
export function parseDictionary(descriptor: unknown, options: ParseOptions = {}): Dictionary {
  const { dictionary, faults } = checkDescriptor(descriptor, options);
  if (dictionary === null) throw dictionaryInvalid(faults);
  return dictionary;
}

function parsePackage(descriptor: unknown, root: Place, options: ParseOptions): Dictionary | null {
  if (!isObject(descriptor)) {
    root.fault(`expected a Data Package descriptor (an object), received ${describe(descriptor)}`);
    return null;
  }
  if (!checkTexts(descriptor, root)) return null;
  if (isResource(descriptor)) {
    const tables = [parseTable(descriptor, root)];
    checkReferences(tables, () => root);
    return { name: tables[0]!.name, version: contentVersion(descriptor), tables };
  }
  warnOfUnknown(descriptor, PACKAGE_MEMBERS, root);
  const name = optionalString(descriptor.name, root.at('name')) ?? 'dictionary';
  const version = optionalString(descriptor.version, root.at('version'));
  if (version === '') root.at('version').fault('expected a version, received an empty string');
  const resources = root.at('resources');
  const tables = parseTables(descriptor.resources, resources, options);
  checkReferences(tables, (index) => resources.at(index));
  const ordered = root.isFaultless ? orderTables(tables, resources) : tables;
  return { name, version: version ?? contentVersion(descriptor), tables: ordered };
}

/** A Data Resource on its own, as `frictionless describe` writes one for a single file. */
function isResource(descriptor: JsonObject): boolean {
  return descriptor.resources === undefined && isObject(descriptor.schema);
}

/** Far more than a Data Package needs, and far less than the stack holds. */
const MAX_DEPTH = 64;

/**
 * Looks at every name and text, also those that nothing else looks at: the ledger keeps the descriptor as it is.
 * @returns false when it is nested too deep to be looked at further
 */
function checkTexts(value: unknown, place: Place, depth = 0): boolean {
  if (depth > MAX_DEPTH) {
    place.fault(`nested deeper than ${MAX_DEPTH} levels`);
    return false;
  }
  if (typeof value === 'string') checkText(value, place);
  if (Array.isArray(value)) return value.every((item, index) => checkTexts(item, place.at(index), depth + 1));
  if (!isObject(value)) return true;
  return Object.entries(value).every(([key, item]) => {
    checkText(key, place.at(key));
    return checkTexts(item, place.at(key), depth + 1);
  });
}

function checkText(text: string, place: Place): void {
  if (isText(text)) return;
  const what = text.includes('\0') ? 'a NUL character' : 'half of a surrogate pair';
  place.fault(`a text can not hold ${what}: PostgreSQL can not keep it`);
}

function parseTables(resources: unknown, place: Place, { mayBeEmpty = false }: ParseOptions): Table[] {
  if (!Array.isArray(resources) || (resources.length === 0 && !mayBeEmpty)) {
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
  return `sha256:${hashOfJson(descriptor).slice(0, 12)}`;
}
