import { z } from 'zod';
import type { RemovedTable } from '../../src/tables/removed-table.ts';
import { auditOf, noteTable } from '../http/audited.ts';
import { defineRoute } from '../http/route.ts';
import { count, instant, path } from '../http/schemas.ts';
import { describeTable } from './descriptor.ts';
import { tableInFullSchema } from './table-schemas.ts';
import { summarize } from './tables.ts';

const tag = 'Tables';

const removedView = z.object({
  id: z.int().min(1),
  table: z.string(),
  rows: count.meta({ description: 'When it was removed; of more than a million, a million' }),
  bytes: count.meta({ description: 'On disk, with its indexes' }),
  removedBy: z.string().meta({ description: 'ID of the key' }),
  removedAt: instant,
  dropAt: instant.meta({ description: 'When it is dropped for good' }),
});
removedView satisfies z.ZodType<RemovedTable>;
const removedSchema = removedView
  .extend({ links: z.object({ bringBack: path }) })
  .meta({ id: 'RemovedTable' });

const idParam = z.strictObject({ id: z.coerce.number().int().min(1).max(2_147_483_647) });

function removedAnswer(removed: RemovedTable): z.infer<typeof removedSchema> {
  return { ...removed, links: { bringBack: `/v1/removed-tables/${removed.id}/bring-back` } };
}

const removeTable = defineRoute({
  method: 'delete',
  path: '/v1/tables/{table}',
  tag,
  summary: 'Remove a table from the dictionary',
  description:
    'It is kept aside with its rows for LONGSHORE_REMOVED_TABLE_DAYS, and can be brought back. A table that holds rows ' +
    'asks for its name in `confirm`. Refused while other tables refer to it, reports read it, or work on it is under way.',
  scopes: ['admin'],
  audit: 'table.remove',
  query: z.strictObject({
    confirm: z.string().optional().meta({ description: 'The name of the table once more', example: 'jobs' }),
  }),
  responses: {
    '200': {
      description: 'It is removed, and kept until `dropAt`',
      content: { 'application/json': { schema: removedSchema } },
    },
  },
  problems: ['table-in-use', 'table-holds-rows', 'table-locked', 'temporal-unavailable', 'database-refused'],
  async handle({ res, deps, table, query, holder }) {
    const { name } = table;
    const removed = await deps.changes.remove({ name, confirm: query.confirm ?? null, by: holder!.id });
    auditOf(res).target = name;
    const { id, rows } = removed;
    deps.log.info({ table: name, removedTableId: id, rows, keyId: holder!.id }, 'A table was removed');
    res.json(removedAnswer(removed));
  },
});

const listRemoved = defineRoute({
  method: 'get',
  path: '/v1/removed-tables',
  tag,
  summary: 'List the removed tables that can be brought back',
  description: 'The newest first.',
  scopes: ['admin'],
  responses: {
    '200': {
      description: 'The removed tables',
      content: { 'application/json': { schema: z.object({ removed: z.array(removedSchema) }) } },
    },
  },
  async handle({ res, deps }) {
    res.json({ removed: (await deps.changes.removed()).map(removedAnswer) });
  },
});

const bringBack = defineRoute({
  method: 'post',
  path: '/v1/removed-tables/{id}/bring-back',
  tag,
  summary: 'Bring a removed table back, with its rows',
  description: 'Refused where its name is taken by then, or it refers to what is not there any more.',
  scopes: ['admin'],
  audit: 'table.bring-back',
  params: idParam,
  responses: {
    '200': {
      description: 'The table',
      headers: z.object({ Location: z.string().meta({ description: 'The table' }) }),
      content: { 'application/json': { schema: tableInFullSchema } },
    },
  },
  problems: [
    'unknown-removed-table',
    'table-exists',
    'dictionary-conflict',
    'table-locked',
    'database-refused',
  ],
  async handle({ res, deps, params, holder }) {
    const table = await deps.changes.bringBack(params.id, holder!.id);
    noteTable(res, table.name);
    const [view] = await deps.loads.tables([table.name]);
    const body = { ...summarize(table, view!), resource: describeTable(table) };
    res.location(`/v1/tables/${encodeURIComponent(table.name)}`).json(body);
  },
});

const dropRemoved = defineRoute({
  method: 'delete',
  path: '/v1/removed-tables/{id}',
  tag,
  summary: 'Drop a removed table before its time',
  description: 'Its rows are gone for good; backups of it stay.',
  scopes: ['admin'],
  audit: 'table.drop',
  params: idParam,
  responses: { '204': { description: 'It is dropped' } },
  problems: ['unknown-removed-table', 'table-locked', 'database-refused'],
  async handle({ res, deps, params }) {
    auditOf(res).target = await deps.changes.drop(params.id);
    res.status(204).end();
  },
});

export const removedTableRoutes = [removeTable, listRemoved, bringBack, dropRemoved];
