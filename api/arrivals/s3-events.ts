import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import { z } from 'zod';
import { s3EventsSchema } from '../../src/arrivals/s3-events.ts';
import { contextOf } from '../http/context.ts';
import type { ApiDeps } from '../http/deps.ts';
import { HttpError } from '../http/http-error.ts';
import { readJson } from '../http/json-body.ts';
import { defineRoute } from '../http/route.ts';
import { count } from '../http/schemas.ts';

const BODY_MAX = 4 * 1024 * 1024;
const BEARER = 'Bearer ';

export const s3EventsRoute = defineRoute({
  method: 'post',
  path: '/v1/events/s3',
  tag: 'Arrivals',
  summary: 'Tell of new objects in the bucket of the storage',
  description:
    "A webhook for S3's event notifications, in AWS's JSON: each brings the look of the arrival forward in whose folder " +
    'the object is. Needs no key but the secret of `LONGSHORE_EVENTS_SECRET`, as `Authorization: Bearer …` or, where the ' +
    'sender can set no header, as `secret` in the address. Events of other buckets and folders do nothing.',
  scopes: null,
  query: z.strictObject({
    secret: z.string().optional().meta({ description: 'Where no header can be sent' }),
  }),
  requestBody: { content: { 'application/json': { schema: s3EventsSchema } }, required: true },
  responses: {
    '200': {
      description: 'What it concerned',
      content: {
        'application/json': {
          schema: z.object({
            events: count.meta({ description: 'In the body' }),
            arrivals: z.array(z.string()).meta({ description: 'Those that look now' }),
          }),
        },
      },
    },
  },
  problems: [
    'unauthenticated',
    'malformed-body',
    'invalid-request',
    'body-too-large',
    'temporal-unavailable',
  ],
  async handle({ req, res, deps, query }) {
    requireSecret(req, deps, query.secret);
    const events = await readJson(req, res, s3EventsSchema, BODY_MAX);
    const arrivals = await deps.arrivals.created(events);
    res.json({ events: events.Records?.length ?? 0, arrivals });
  },
});

/** Compared by their hashes, so that the time it takes says neither the secret's length nor how much of it is right. */
function requireSecret(req: Request, { config, strangers }: ApiDeps, inQuery: string | undefined): void {
  const header = req.get('authorization');
  const sent = header?.startsWith(BEARER) ? header.slice(BEARER.length) : inQuery;
  const { eventsSecret } = config;
  if (sent !== undefined && eventsSecret !== undefined && timingSafeEqual(hashOf(sent), hashOf(eventsSecret)))
    return;
  if (sent !== undefined) {
    const { requestId, address } = contextOf(req.res!);
    strangers.write({
      level: 'warn',
      kind: 'refused',
      message: 'The secret of an event notification was refused',
      fields: { requestId },
      source: { keyId: null, address },
    });
  }
  throw new HttpError(
    'unauthenticated',
    eventsSecret === undefined
      ? 'event notifications need LONGSHORE_EVENTS_SECRET to be set'
      : 'the secret of event notifications was not sent, or is another one',
    { headers: { 'WWW-Authenticate': 'Bearer realm="longshore events"' } },
  );
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
