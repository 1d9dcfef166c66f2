import { z } from 'zod';
import { defineRoute, type Route } from '../http/route.ts';

/** `/openapi.json`; the document describes this route as well, so it comes late, as a function. */
export function openApiRoute(document: () => object): Route {
  return defineRoute({
    method: 'get',
    path: '/openapi.json',
    tag: 'Operations',
    summary: 'This API, as an OpenAPI 3.1 document',
    scopes: null,
    responses: {
      '200': {
        description: 'The document',
        content: { 'application/json': { schema: z.record(z.string(), z.unknown()) } },
      },
    },
    handle({ res }) {
      res.json(document());
    },
  });
}
