import { avroName } from '../../src/avro/names.ts';
import type { Dictionary, Field, Table } from '../../src/types.ts';

/** A part of the document: JSON. */
type Json = Record<string, unknown>;

/** Of larger dictionaries, rows stay untyped: the document would be longer than what anyone reads. */
const MOST_FIELDS = 5_000;

/** NaN and the infinities are no JSON numbers. */
const NUMBER = { anyOf: [{ type: 'number' }, { type: 'string', enum: ['NaN', 'Infinity', '-Infinity'] }] };
const SHOWN: Readonly<Record<string, Json>> = {
  integer: { type: 'integer' },
  number: NUMBER,
  boolean: { type: 'boolean' },
  date: { type: 'string', description: 'A date (RFC 3339), or what PostgreSQL writes beyond its years' },
  datetime: {
    type: 'string',
    description: 'A moment in UTC (RFC 3339), or what PostgreSQL writes beyond its years',
  },
  time: { type: 'string', description: 'A time of day' },
};
const TEXT: Json = { type: 'string' };

/**
 * The same document for the tables of the dictionary: the rows of each are typed (`Row_jobs`, `NewRow_jobs`), and
 * examples name a table that is there.
 */
export function forDictionary<Document extends object>(document: Document, dictionary: Dictionary): Document {
  const typed = structuredClone(document) as Json;
  const { tables } = dictionary;
  const [first] = tables;
  if (first === undefined) return document;
  nameTables(typed, first.name);
  if (tables.reduce((sum, { fields }) => sum + fields.length, 0) <= MOST_FIELDS) typeRows(typed, tables);
  return typed as Document;
}

function nameTables(part: unknown, table: string): void {
  if (Array.isArray(part)) {
    for (const one of part) nameTables(one, table);
    return;
  }
  if (typeof part !== 'object' || part === null) return;
  const json = part as Json;
  if (json.example === 'jobs') json.example = table;
  if (json.example === 'jobs_may') json.example = `${avroName(table)}_may`;
  for (const value of Object.values(json)) nameTables(value, table);
}

function typeRows(document: Json, tables: readonly Table[]): void {
  const schemas = at(document, 'components', 'schemas');
  const rows = at(document, 'paths', '/v1/tables/{table}/rows');
  for (const table of tables) {
    schemas[`Row_${avroName(table.name)}`] = rowSchema(table);
    schemas[`NewRow_${avroName(table.name)}`] = newRowSchema(table);
  }
  const refs = (prefix: string) =>
    tables.map(({ name }) => ({ $ref: `#/components/schemas/${prefix}_${avroName(name)}` }));
  const shown = at(
    rows,
    'get',
    'responses',
    '200',
    'content',
    'application/json',
    'schema',
    'properties',
    'rows',
  );
  shown.items = { anyOf: refs('Row') };
  const sent = at(rows, 'post', 'requestBody', 'content', 'application/json', 'schema');
  const [list, object] = sent.anyOf as [Json, Json];
  // Any other object is taken too: what is wrong with a row becomes its reject.
  const items = { anyOf: [...refs('NewRow'), list.items] };
  list.items = items;
  at(object, 'properties', 'rows').items = items;
}

/** As answers show it. */
function rowSchema(table: Table): Json {
  const required = new Set(table.primaryKey);
  const properties = table.fields.map((field) => {
    const type = SHOWN[field.type] ?? TEXT;
    const always = required.has(field.name) || field.constraints.required === true;
    return [
      field.name,
      { ...(always ? type : { anyOf: [type, { type: 'null' }] }), ...docOf(field) },
    ] as const;
  });
  const lineage = { type: ['integer', 'null'] };
  return {
    type: 'object',
    ...docOf(table),
    properties: Object.fromEntries([...properties, ['_load_id', lineage], ['_line', lineage]]),
    required: [...table.fields.map(({ name }) => name), '_load_id', '_line'],
  };
}

/** As requests may write it: a text, as a file would have it, is taken for every type; what is absent is null. */
function newRowSchema(table: Table): Json {
  const properties = table.fields.map((field) => {
    const { type } = SHOWN[field.type] ?? TEXT;
    const own = field.type === 'number' ? 'number' : type;
    return [field.name, { type: [...new Set([own, 'string', 'null'])], ...docOf(field) }] as const;
  });
  return { type: 'object', ...docOf(table), properties: Object.fromEntries(properties) };
}

function docOf({ title, description }: Pick<Field | Table, 'title' | 'description'>): Json {
  return { ...(title !== undefined && { title }), ...(description !== undefined && { description }) };
}

function at(json: Json, ...path: readonly string[]): Json {
  return path.reduce((part, name) => part[name] as Json, json);
}
