import { z } from 'zod';
import { defineRoute } from '../http/route.ts';

const readinessSchema = z
  .object({
    ok: z.boolean(),
    checks: z
      .record(z.string(), z.string().nullable())
      .meta({ description: 'null: well; else what is wrong' }),
  })
  .meta({ id: 'Readiness' });

const health = defineRoute({
  method: 'get',
  path: '/healthz',
  tag: 'Operations',
  summary: 'Whether the process lives',
  scopes: null,
  responses: {
    '200': {
      description: 'It does',
      content: { 'application/json': { schema: z.object({ ok: z.literal(true) }) } },
    },
  },
  handle({ res }) {
    res.set('Cache-Control', 'no-store').json({ ok: true });
  },
});

const readiness = defineRoute({
  method: 'get',
  path: '/readyz',
  tag: 'Operations',
  summary: 'Whether everything that work needs is there',
  scopes: null,
  responses: {
    '200': { description: 'Everything is', content: { 'application/json': { schema: readinessSchema } } },
    '503': {
      description: 'Something is missing; `checks` says what',
      content: { 'application/json': { schema: readinessSchema } },
    },
  },
  async handle({ res, deps }) {
    const state = await deps.ready();
    res
      .set('Cache-Control', 'no-store')
      .status(state.ok ? 200 : 503)
      .json(state);
  },
});

export const healthRoutes = [health, readiness];
