import type { z } from 'zod';
import type { Dictionary, Field, Table } from '../../src/types.ts';
import type { dictionarySchema, fieldDescriptorSchema, resourceSchema } from './table-schemas.ts';

/** The dictionary as a Data Package descriptor (v2), with what its author left out filled in. */
export function describeDictionary(dictionary: Dictionary): z.infer<typeof dictionarySchema> {
  return {
    name: dictionary.name,
    version: dictionary.version,
    resources: dictionary.tables.map(describeTable),
  };
}

/** A table as a resource, with its Table Schema (v2) and Table Dialect (v2). */
export function describeTable(table: Table): z.infer<typeof resourceSchema> {
  const { dialect } = table;
  return {
    name: table.name,
    type: 'table',
    title: table.title,
    description: table.description,
    encoding: table.encoding,
    dialect: {
      delimiter: dialect.delimiter,
      header: dialect.header,
      ...(dialect.quoteChar !== null && { quoteChar: dialect.quoteChar, doubleQuote: dialect.doubleQuote }),
      ...(dialect.escapeChar !== null && { escapeChar: dialect.escapeChar }),
      skipInitialSpace: dialect.skipInitialSpace,
      ...(dialect.commentChar !== null && { commentChar: dialect.commentChar }),
    },
    schema: {
      fields: table.fields.map(describeField),
      fieldsMatch: table.fieldsMatch,
      ...(table.matchHeader && { 'longshore:matchHeader': table.matchHeader }),
      ...(table.primaryKey.length > 0 && { primaryKey: table.primaryKey }),
      ...(table.uniqueKeys.length > 0 && { uniqueKeys: table.uniqueKeys }),
      ...(table.foreignKeys.length > 0 && {
        foreignKeys: table.foreignKeys.map(({ fields, reference }) => ({
          fields,
          reference: { resource: reference.table, fields: reference.fields },
        })),
      }),
    },
  };
}

function describeField(field: Field): z.infer<typeof fieldDescriptorSchema> {
  const { missingValues, constraints, from, default: otherwise, constant, trim, ...rest } = field;
  return {
    ...rest,
    ...(from !== undefined && { 'longshore:from': [...from] }),
    ...(otherwise !== undefined && { 'longshore:default': otherwise }),
    ...(constant !== undefined && { 'longshore:constant': constant }),
    ...(trim && { 'longshore:trim': trim }),
    constraints: { ...constraints },
    missingValues: [...missingValues],
  };
}
