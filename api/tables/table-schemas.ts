import { z } from 'zod';
import { count, jobErrorSchema, path } from '../http/schemas.ts';

/** A table as lists show it. */
export const tableSchema = z
  .object({
    name: z.string(),
    title: z.string().optional(),
    description: z.string().optional(),
    rows: count,
    rowsExact: z.boolean().meta({ description: "false: PostgreSQL's estimate, of a large or locked table" }),
    bytes: count.meta({ description: 'On disk, indexes included' }),
    lastLoadId: z.int().nullable().meta({ description: 'The newest load that is done' }),
    broken: jobErrorSchema.nullable().meta({
      description: 'Why it can not be used: somebody dropped or changed it in the database; null: it can',
    }),
    primaryKey: z.array(z.string()),
    links: z.object({ self: path, rows: path, loads: path, lastLoad: path.optional() }),
  })
  .meta({ id: 'Table' });

/** A field as the Table Schema standard (v2) writes it. */
export const fieldDescriptorSchema = z
  .object({
    name: z.string(),
    type: z.string(),
    format: z.string().optional(),
    title: z.string().optional(),
    description: z.string().optional(),
    constraints: z.record(z.string(), z.unknown()).optional(),
    missingValues: z.array(z.string()).optional(),
    'longshore:from': z
      .array(z.string())
      .optional()
      .meta({ description: 'Other names that a header may have for it' }),
    'longshore:default': z.string().optional().meta({ description: 'The cell of a row that has none' }),
    'longshore:constant': z.string().optional().meta({ description: 'The cell of every row' }),
    'longshore:trim': z
      .literal(true)
      .optional()
      .meta({ description: 'White space around a cell does not count' }),
  })
  .catchall(z.unknown())
  .meta({ id: 'Field' });

/** A resource of the dictionary as the Data Package standard (v2) writes it. */
export const resourceSchema = z
  .object({
    name: z.string(),
    type: z.literal('table'),
    title: z.string().optional(),
    description: z.string().optional(),
    encoding: z.string(),
    dialect: z.record(z.string(), z.unknown()),
    schema: z
      .object({ fields: z.array(fieldDescriptorSchema), fieldsMatch: z.string() })
      .catchall(z.unknown())
      .meta({ description: 'Table Schema v2' }),
  })
  .meta({ id: 'Resource' });

export const tableInFullSchema = tableSchema.extend({ resource: resourceSchema }).meta({ id: 'TableInFull' });

export const dictionarySchema = z
  .object({ name: z.string(), version: z.string(), resources: z.array(resourceSchema) })
  .meta({ id: 'Dictionary', description: 'A Data Package descriptor (v2)' });
