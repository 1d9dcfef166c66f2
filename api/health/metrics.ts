import { z } from 'zod';
import { defineRoute } from '../http/route.ts';

export const metricsRoute = defineRoute({
  method: 'get',
  path: '/metrics',
  tag: 'Operations',
  summary: 'What is counted and measured, for Prometheus',
  description:
    "In Prometheus's text format, 0.0.4. Needs a key, since names of tables and numbers of rows are data: Prometheus " +
    "sends it as `authorization: {credentials: …}`. A key that is limited to tables sees no series of others. A metric's help says whether it is of the process that answers or " +
    "the same from every process. Temporal's SDK adds its own, as `temporal_…`. While PostgreSQL is away it answers " +
    'as well, with `longshore_ledger_up 0`, to the key in LONGSHORE_ADMIN_KEY and to keys that were in use lately.',
  scopes: ['read'],
  withoutLedger: true,
  responses: { '200': { description: 'The metrics', content: { 'text/plain': { schema: z.string() } } } },
  async handle({ res, deps: { metrics }, holder }) {
    const text = await metrics.text(holder!.tables);
    res.type(metrics.registry.contentType).send(text);
  },
});
