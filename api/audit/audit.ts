import { z } from 'zod';
import type { AuditEntry } from '../../src/audit/audit-entry.ts';
import { readPage } from '../http/page.ts';
import { moment, pageLimit } from '../http/parameters.ts';
import { defineRoute, type Route } from '../http/route.ts';
import { instant, nextSchema } from '../http/schemas.ts';

/** @param actions all actions, so that a misspelt one is refused instead of giving an empty page */
const querySchema = (actions: readonly string[]) =>
  z.strictObject({
    key: z.string().max(64).optional().meta({ description: 'Only what this key did: its ID' }),
    action: z.enum(actions).optional().meta({ description: 'Only this action', example: 'load.start' }),
    table: z.string().optional().meta({ description: 'Only what was about this table' }),
    since: moment.optional().meta({ description: 'From then on (RFC 3339)' }),
    until: moment.optional().meta({ description: 'Before then (RFC 3339)' }),
    limit: pageLimit(100, 1000),
    before: z.uuid().optional().meta({ description: 'Only entries that are older than this one: its ID' }),
  });

const entrySchema = z
  .object({
    id: z.uuid(),
    at: instant.meta({ description: 'When it was answered; RFC 3339, UTC' }),
    keyId: z.string(),
    keyName: z.string().meta({ description: "The key's name at that time" }),
    action: z.string(),
    target: z
      .string()
      .nullable()
      .meta({ description: 'ID of the load, batch, backup, restore or key that it was about' }),
    table: z.string().nullable(),
    status: z.int().meta({ description: 'HTTP status of the answer' }),
    requestId: z.string(),
  })
  .meta({ id: 'AuditEntry' });
entrySchema satisfies z.ZodType<AuditEntry>;

/** @param routes all routes, whose actions may be queried */
export function auditRoute(routes: readonly Pick<Route, 'audit' | 'auditVariants'>[]): Route {
  const actions = new Set(
    routes.flatMap(({ audit, auditVariants = [] }) =>
      audit === undefined ? [] : [audit, ...auditVariants.map((variant) => `${audit}-${variant}`)],
    ),
  );
  return defineRoute({
    method: 'get',
    path: '/v1/audit',
    tag: 'Keys',
    summary: 'See who did what, newest first',
    description:
      'Every request with a key that changes something, refused ones included; not those over their rate. An entry ' +
      'shows up a moment after the answer. None is ever deleted.',
    scopes: ['admin'],
    query: querySchema([...actions].sort()),
    responses: {
      '200': {
        description: 'A page of the audit log',
        content: {
          'application/json': { schema: z.object({ entries: z.array(entrySchema), next: nextSchema }) },
        },
      },
    },
    async handle({ res, deps, query }) {
      const { key, ...rest } = query;
      const page = await readPage(
        { res, self: '/v1/audit', query },
        (limit) => deps.keyService.audit({ ...rest, keyId: key, limit }),
        ({ id }) => ({ before: id }),
      );
      res.json(page);
    },
  });
}
