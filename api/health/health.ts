import { z } from 'zod';
import { DEPENDENCIES } from '../../src/metrics/dependencies.ts';
import { defineRoute } from '../http/route.ts';

const readinessSchema = z
  .object({
    ok: z.boolean().meta({ description: 'Whether this process takes requests, whatever else is away' }),
    checks: z
      .record(z.string(), z.string().nullable())
      .meta({ description: 'Of the process and of what it depends on. null: well; else what is wrong' }),
    away: z
      .array(z.enum(DEPENDENCIES))
      .meta({ description: 'What does not answer, of that which all processes share' }),
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
  summary: 'Whether the process takes requests',
  description:
    'For load balancers: about this process alone. PostgreSQL, Temporal and the storage are shared by all processes, ' +
    'so one that is away is told in the body, and in the metric `longshore_dependency_up`, and is no reason for 503.',
  scopes: null,
  responses: {
    '200': {
      description: 'It does; `away` says what is missing nevertheless',
      content: { 'application/json': { schema: readinessSchema } },
    },
    '503': {
      description: 'It does not, as it stops; `checks` says why',
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
