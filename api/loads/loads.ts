import { z } from 'zod';
import type { LoadStatus } from '../../src/types.ts';
import { requireTable } from '../http/auth.ts';
import { loadId, pageLimit, wholeNumber } from '../http/parameters.ts';
import { defineRoute } from '../http/route.ts';
import { nextSchema } from '../http/schemas.ts';
import { answerOf, findLoad } from './load-answer.ts';
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
    const { table, status, before, limit } = query;
    if (table !== undefined) requireTable(holder!, table);
    const tables = table !== undefined ? [table] : holder!.tables;
    // One more than asked for tells whether there is a next page.
    const found = await deps.loads.list({
      ...(tables !== null && { tables }),
      status,
      before,
      limit: limit + 1,
    });
    const page = found.slice(0, limit);
    const next = found.length > limit ? nextLoads({ table, status, limit, before: page.at(-1)!.id }) : null;
    if (next !== null) res.links({ next });
    res.json({ loads: page.map((load) => answerOf(load, deps)), next });
  },
});

function nextLoads(query: { table?: string; status?: LoadStatus; limit: number; before: number }): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) parameters.set(name, String(value));
  return `/v1/loads?${parameters}`;
}

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
    call.res.json(answerOf(await findLoad(call), call.deps));
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
      call.res.status(202).json(answerOf(load, call.deps));
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
