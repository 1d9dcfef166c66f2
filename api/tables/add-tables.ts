import { z } from 'zod';
import type { Table } from '../../src/types.ts';
import { auditOf, noteTable } from '../http/audited.ts';
import { requireJson } from '../http/content-type.ts';
import { readJson } from '../http/json-body.ts';
import { flag } from '../http/parameters.ts';
import { defineRoute } from '../http/route.ts';
import { describeTable } from './descriptor.ts';
import { resourceSchema, tableInFullSchema } from './table-schemas.ts';
import { summarize } from './tables.ts';

/** Room for some thousand tables. */
const BODY_MAX_BYTES = 16 * 1024 * 1024;

const given = z.record(z.string(), z.unknown()).meta({
  description: 'A resource of a Data Package, which is one table, or a package whose `resources` are several',
  example: {
    name: 'orders',
    schema: { fields: [{ name: 'id', type: 'integer' }], primaryKey: ['id'] },
  },
});

const changed = {
  version: z.string().meta({ description: 'Of the dictionary' }),
  added: z.array(z.string()).meta({ description: 'Tables that were not there before' }),
  statements: z.array(z.string()).meta({ description: 'The SQL that made them' }),
  warnings: z
    .array(z.object({ pointer: z.string(), detail: z.string() }))
    .meta({ description: 'What of the body is ignored although it may have been meant' }),
};
const oneSchema = tableInFullSchema.extend(changed).meta({ id: 'AddedTable' });
const severalSchema = z
  .object({ ...changed, tables: z.array(tableInFullSchema) })
  .meta({ id: 'AddedTables', description: 'Of a package: all its tables, referenced ones first' });
const dryRunSchema = z
  .object({ ...changed, dryRun: z.literal(true), resources: z.array(resourceSchema) })
  .meta({ id: 'TablesDryRun', description: 'What would be made, defaults filled in' });

const content = { 'application/json': { schema: z.union([oneSchema, severalSchema]) } };

export const addTablesRoute = defineRoute({
  method: 'post',
  path: '/v1/tables',
  tag: 'Tables',
  summary: 'Add tables to the dictionary, and make them',
  description:
    'All tables of the request, or none, in one transaction. They may refer to each other and to tables that are ' +
    'there. Every process knows them within a second, without a restart. A table that is there with the same ' +
    'definition is left as it is, so a request that is repeated is safe.',
  scopes: ['admin'],
  audit: 'table.add',
  auditVariants: ['dry-run'],
  query: z.strictObject({
    dryRun: flag
      .optional()
      .meta({ description: 'Check everything, say what would be made, and make nothing' }),
  }),
  requestBody: { required: true, content: { 'application/json': { schema: given } } },
  responses: {
    '200': {
      description:
        'The tables are there already, with the same definition; or the dry run, which made nothing',
      content: { 'application/json': { schema: z.union([oneSchema, severalSchema, dryRunSchema]) } },
    },
    '201': {
      description: 'The table, or for a package the tables',
      headers: z.object({ Location: z.string().optional().meta({ description: 'The table, of one' }) }),
      content,
    },
  },
  problems: [
    'malformed-body',
    'body-too-large',
    'unsupported-media-type',
    'upload-incomplete',
    'dictionary-invalid',
    'dictionary-conflict',
    'table-exists',
    'table-locked',
    'database-refused',
  ],
  async handle({ req, res, deps, query, holder }) {
    requireJson(req);
    const descriptor = await readJson(req, res, given, BODY_MAX_BYTES);
    const dryRun = query.dryRun ?? false;
    const trail = auditOf(res);
    if (dryRun) trail.variant = 'dry-run';
    const result = await deps.changes.add({ descriptor, by: holder!.id, dryRun });
    const { tables, added, statements, warnings, dictionary } = result;
    trail.target = tables.map(({ name }) => name).join(', ');
    const { version } = dictionary;
    const facts = { version, added: [...added], statements: [...statements], warnings: [...warnings] };
    if (dryRun) {
      res.json({ ...facts, dryRun: true, resources: tables.map(describeTable) });
      return;
    }
    if (added.length > 0) {
      deps.log.info(
        { tables: added, dictionary: dictionary.version, keyId: holder!.id },
        'Tables were added',
      );
    }
    res.status(added.length > 0 ? 201 : 200);
    const views = await deps.loads.tables(tables.map(({ name }) => name));
    const whole = (table: Table, i: number) => ({
      ...summarize(table, views[i]!),
      resource: describeTable(table),
    });
    const [one] = tables;
    if ('resources' in descriptor || one === undefined) {
      res.json({ ...facts, tables: tables.map(whole) });
      return;
    }
    noteTable(res, one.name);
    res.location(`/v1/tables/${encodeURIComponent(one.name)}`).json({ ...whole(one, 0), ...facts });
  },
});
