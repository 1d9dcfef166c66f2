import { z } from 'zod';
import { requireTable } from '../http/auth.ts';
import { readPage } from '../http/page.ts';
import { loadId, pageLimit, wholeNumber } from '../http/parameters.ts';
import { defineRoute } from '../http/route.ts';
import { nextSchema } from '../http/schemas.ts';
import { findLoad, loadAnswer } from './load-answer.ts';
import { loadSchema, loadStatusSchema } from './load-schemas.ts';

const listLoads = defineRoute({
  method: 'get',
  path: '/v1/loads',
  tag: 'Loads',
  summary: 'List loads, newest first',
  scopes: ['read', 'write'],
  query: z.strictObject({
    table: z.string().optional().meta({ description: 'Only loads of this table' }),
    status: loadStatusSchema.optional(),
    limit: pageLimit(50, 500),
    before: wholeNumber(1).optional().meta({ description: 'Only loads with a smaller ID' }),
  }),
  responses: {
    '200': {
      description: 'A page of loads',
      content: { 'application/json': { schema: z.object({ loads: z.array(loadSchema), next: nextSchema }) } },
    },
  },
  async handle({ res, deps, query, holder }) {
    const { table, ...rest } = query;
    if (table !== undefined) requireTable(holder!, table);
    const tables = table !== undefined ? [table] : (holder!.tables ?? undefined);
    const { entries, next } = await readPage(
      { res, self: '/v1/loads', query },
      (limit) => deps.loads.list({ ...rest, tables, limit }),
      ({ id }) => ({ before: id }),
    );
    res.json({ loads: entries.map((load) => loadAnswer(load, deps)), next });
  },
});

const getLoad = defineRoute({
  method: 'get',
  path: '/v1/loads/{id}',
  tag: 'Loads',
  summary: 'See how a load is doing, or how it ended',
  scopes: ['read', 'write'],
  params: loadId,
  responses: { '200': { description: 'The load', content: { 'application/json': { schema: loadSchema } } } },
  problems: ['unknown-load'],
  async handle(call) {
    call.res.json(loadAnswer(await findLoad(call), call.deps));
  },
});

function controlRoute(action: 'pause' | 'resume' | 'cancel', summary: string, description: string) {
  return defineRoute({
    method: 'post',
    path: `/v1/loads/{id}/${action}`,
    tag: 'Loads',
    summary,
    description,
    scopes: ['write'],
    audit: `load.${action}`,
    params: loadId,
    responses: {
      '202': {
        description: 'Recorded; the load follows',
        content: { 'application/json': { schema: loadSchema } },
      },
    },
    problems: ['unknown-load', 'load-state', 'temporal-unavailable'],
    async handle(call) {
      const { id } = await findLoad(call);
      const { loads } = call.deps;
      const load = await (action === 'cancel' ? loads.cancel(id) : loads.setPaused(id, action === 'pause'));
      call.res.status(202).json(loadAnswer(load, call.deps));
    },
  });
}

export const loadRoutes = [
  listLoads,
  getLoad,
  controlRoute('pause', 'Pause a load', 'Chunks that are being loaded are finished; no other begins.'),
  controlRoute(
    'resume',
    'Let a paused load go on',
    'It goes on with the first chunk that is not loaded yet.',
  ),
  controlRoute('cancel', 'Cancel a load', 'The table stays as it was before the load.'),
];
