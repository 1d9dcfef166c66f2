import { MAX_NAME_BYTES } from '../db/rule-names.ts';
import { quoted } from '../shorten.ts';
import type { Dialect, Field, FieldsMatch, Table } from '../types.ts';
import { parseEncoding } from './encodings.ts';
import {
  describe,
  isObject,
  isText,
  type JsonObject,
  meantBy,
  optionalString,
  type Place,
} from './faults.ts';
import { unwritableNames } from './header-faults.ts';
import { RESOURCE_MEMBERS, SCHEMA_OBJECT_MEMBERS, warnOfUnknown } from './members.ts';
import { parseDialect } from './parse-dialect.ts';
import { parseField } from './parse-field.ts';
import { parseForeignKeys, parsePrimaryKey, parseUniqueKeys } from './parse-keys.ts';
import { parseMissingValues } from './parse-missing-values.ts';
import { checkAliases, parseMatchHeader } from './parse-own-members.ts';

const FIELDS_MATCH: readonly FieldsMatch[] = ['exact', 'equal', 'subset', 'superset', 'partial'];

/** PostgreSQL's limit is 1600; the lineage columns and what a dropped column leaves behind need some. */
const MAX_FIELDS = 1_500;

/** A table's name is a part of URLs, of SQL and of file names. */
const TABLE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** The names of PostgreSQL's system columns, which no column may have. */
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']);

/** Reads one resource (https://datapackage.org/standard/data-resource/) with its Table Schema and Table Dialect. */
export function parseTable(resource: unknown, place: Place): Table {
  const source = objectAt(resource, place, 'a resource') ?? {};
  if (isObject(resource)) warnOfUnknown(source, RESOURCE_MEMBERS, place);
  checkFormat(source, place);
  const schemaPlace = place.at('schema');
  const embedded = objectAt(source.schema, schemaPlace, 'a Table Schema, embedded in the resource');
  if (embedded) warnOfUnknown(embedded, SCHEMA_OBJECT_MEMBERS, schemaPlace);
  const fields = embedded ? parseFields(embedded, schemaPlace) : [];
  const schema = embedded ?? {};
  const names = fields.map((field) => field.name);
  const before = place.faults;
  const { dialect, caseSensitiveHeader } = parseDialect(source, place);
  const matchHeader = parseMatchHeader(
    [
      { source: schema, place: schemaPlace },
      { source, place },
    ],
    caseSensitiveHeader,
  );
  const name = typeof source.name === 'string' ? source.name : '';
  const encoding = parseEncoding(source.encoding, place.at('encoding'));
  const readable = place.faults === before;
  checkTableName(source.name, place.at('name'));
  if (readable && dialect.header) checkHeader(fields, dialect, encoding, schemaPlace.at('fields'));
  checkAliases({ fields, ...(matchHeader && { matchHeader }) }, schemaPlace.at('fields'));
  return {
    name,
    title: optionalString(source.title, place.at('title')),
    description: optionalString(source.description, place.at('description')),
    fields,
    fieldsMatch: parseFieldsMatch(schema.fieldsMatch, dialect.header, schemaPlace.at('fieldsMatch')),
    ...(matchHeader && { matchHeader }),
    primaryKey: parsePrimaryKey(schema.primaryKey, names, schemaPlace.at('primaryKey')),
    uniqueKeys: parseUniqueKeys(schema.uniqueKeys, names, schemaPlace.at('uniqueKeys')),
    foreignKeys: parseForeignKeys(schema.foreignKeys, { name, names }, schemaPlace.at('foreignKeys')),
    dialect,
    encoding,
  };
}

/** Formats that mean delimited text, as frictionless and others name them. */
const TEXT_FORMATS: ReadonlySet<string> = new Set(['csv', 'tsv', 'psv', 'ssv', 'tab', 'txt', 'text']);

function checkFormat({ format }: JsonObject, place: Place): void {
  if (typeof format !== 'string' || TEXT_FORMATS.has(format.toLowerCase())) return;
  place.at('format').warn(`${quoted(format)} is ignored: the files of a table are delimited text`);
}

function objectAt(value: unknown, place: Place, what: string): JsonObject | null {
  if (isObject(value)) return value;
  place.fault(`expected ${what}, received ${describe(value)}`);
  return null;
}

function checkTableName(name: unknown, place: Place): void {
  const fault = tableNameFault(name);
  if (fault !== null) place.fault(fault);
}

/** @returns why a table can not be called so; null: it can */
export function tableNameFault(name: unknown): string | null {
  if (typeof name !== 'string' || !TABLE_NAME.test(name)) {
    return `expected a name of ASCII letters, digits, ".", "-" and "_" that begins with a letter or a digit, received ${describe(name)}`;
  }
  if (/^pg_/i.test(name)) return `"${name}": names that begin with "pg_" are kept for PostgreSQL's own`;
  return lengthFault(name);
}

/** Names with a fault of their own are not reported twice. */
function checkHeader(fields: readonly Field[], dialect: Dialect, encoding: string, place: Place): void {
  const names = fields.map(({ name }) => name);
  for (const at of unwritableNames(names, dialect, encoding)) {
    const { from, constant } = fields[at]!;
    // Its header has another name, or none.
    if (from !== undefined || constant !== undefined) continue;
    const name = names[at]!;
    if (fieldNameFault(name) !== null || !isText(name)) continue;
    place
      .at(at)
      .at('name')
      .fault(
        `no header of a file can hold ${describe(name)} in this dialect and encoding (${encoding}); expected another name, or "header": false`,
      );
  }
}

function parseFields(schema: JsonObject, place: Place): Field[] {
  const listed = schema.fields;
  const missingValues =
    schema.missingValues === undefined
      ? ['']
      : parseMissingValues(schema.missingValues, place.at('missingValues'));
  if (!Array.isArray(listed) || listed.length === 0 || listed.length > MAX_FIELDS) {
    const received = Array.isArray(listed) ? `${listed.length}` : describe(listed);
    place.at('fields').fault(`expected a list of 1 to ${MAX_FIELDS} fields, received ${received}`);
    return [];
  }
  const names = new Set<string>();
  return listed.map((descriptor, index) => {
    const fieldPlace = place.at('fields').at(index);
    const field = parseField(objectAt(descriptor, fieldPlace, 'a field') ?? {}, missingValues, fieldPlace);
    checkFieldName(field.name, names, fieldPlace.at('name'));
    names.add(field.name);
    return field;
  });
}

function checkFieldName(name: string, before: ReadonlySet<string>, place: Place): void {
  const fault = fieldNameFault(name);
  if (fault !== null) place.fault(fault);
  else if (before.has(name)) place.fault(`"${name}" is the name of two fields; a column needs its own`);
  const long = lengthFault(name);
  if (long !== null) place.fault(long);
}

function fieldNameFault(name: string): string | null {
  if (name === '') return 'expected a name that is not empty';
  if (name.startsWith('_')) return `"${name}": names that begin with "_" are kept for lineage columns`;
  return SYSTEM_COLUMNS.has(name) ? `"${name}" is a system column of PostgreSQL` : null;
}

function lengthFault(name: string): string | null {
  const bytes = Buffer.byteLength(name);
  return bytes > MAX_NAME_BYTES
    ? `expected a name of at most ${MAX_NAME_BYTES} bytes (PostgreSQL's limit), received ${bytes}`
    : null;
}

function parseFieldsMatch(value: unknown, header: boolean, place: Place): FieldsMatch {
  if (value === undefined) return 'exact';
  const match = FIELDS_MATCH.find((known) => known === value);
  if (!match)
    place.fault(
      `expected one of ${FIELDS_MATCH.join(', ')}, received ${describe(value)}${meantBy(value, FIELDS_MATCH)}`,
    );
  else if (match !== 'exact' && !header) {
    place.fault(`"${match}" maps fields by name, and the dialect says that there is no header`);
  }
  return match ?? 'exact';
}
