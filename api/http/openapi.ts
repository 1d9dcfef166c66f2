import { z } from 'zod';
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';
import { ERRORS, type ErrorCode } from '../../src/errors.ts';
import { operationName } from './operation-names.ts';
import { problemSchema } from './problems.ts';
import type { Route } from './route.ts';

/** Problems that any route with an API key may answer. */
const PROBLEMS_WITH_KEY: readonly ErrorCode[] = [
  'unauthenticated',
  'forbidden',
  'rate-limited',
  'database-unavailable',
  'database-busy',
  'database-settings',
];

const requestIdHeader = z.string().meta({
  description: "The request's ID: the one that was sent as x-request-id, or a new one. The log has it",
  header: { id: 'RequestId' },
});
const RATE_HEADERS: Readonly<Record<string, z.ZodType>> = {
  'RateLimit-Policy': z.string().meta({
    description: "The key's burst (`q`) and the seconds in which it comes back (`w`)",
    example: '"default";q=4000;w=2',
    header: { id: 'RateLimitPolicy' },
  }),
  RateLimit: z.string().meta({
    description: 'Requests that are left (`r`), and the seconds until all of the burst is back (`t`)',
    example: '"default";r=3999;t=1',
    header: { id: 'RateLimit' },
  }),
};
const EXTRA_HEADERS: Readonly<Record<number, Readonly<Record<string, z.ZodType>>>> = {
  429: {
    'Retry-After': z.string().meta({ description: 'Seconds' }),
    ...RATE_HEADERS,
  },
  401: { 'WWW-Authenticate': z.string().meta({ description: 'RFC 6750' }) },
  503: { 'Retry-After': z.string().meta({ description: 'Seconds' }) },
};

/** In the order in which readers want them; a test holds the routes to these. */
const TAGS: Readonly<Record<string, string>> = {
  Loads: 'CSV files into tables, and their rejects',
  Batches: 'Rows into tables',
  Tables: 'Tables, their rows, and the dictionary',
  Backups: 'Tables as Avro files',
  Restores: 'Tables brought back, beside, or to prove a backup good',
  Arrivals: 'Files that load themselves',
  Schedules: 'Backups and drills by the clock',
  Reports: 'Answers that are computed ahead',
  Keys: 'API keys, tokens, and the audit log',
  Operations: 'Health, metrics, documentation',
};

/** The OpenAPI 3.1 document of the routes, from the schemas that check their requests. */
export function openApiDocument(routes: readonly Route[], version: string) {
  const paths: ZodOpenApiPathsObject = {};
  for (const route of routes.filter(({ undocumented }) => undocumented !== true)) {
    paths[route.path] = { ...paths[route.path], [route.method]: operationOf(route) };
  }
  const document = createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Longshore',
      version,
      description:
        'Brings CSV files into PostgreSQL, durably. Errors are problems (RFC 9457) whose `code` a program may test.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    security: [{ key: [] }, { bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        key: { type: 'apiKey', in: 'header', name: 'x-api-key' },
        bearer: { type: 'http', scheme: 'bearer', description: 'A key or a token' },
        basic: { type: 'http', scheme: 'basic', description: "A key's ID and its secret" },
      },
    },
  });
  for (const schema of Object.values(document.components?.schemas ?? {})) describeDefaults(schema);
  return document;
}

/**
 * Generated clients take a member with a `default` for one that is always there, and so require it in requests; no answer
 * has one. So what is used when it is left out goes into its description.
 */
function describeDefaults(schema: object): void {
  const { properties = {} } = schema as {
    properties?: Record<string, { default?: unknown; description?: string }>;
  };
  for (const property of Object.values(properties)) {
    if (!('default' in property)) continue;
    const used = `${JSON.stringify(property.default)} when left out`;
    property.description = property.description === undefined ? used : `${property.description}; ${used}`;
    delete property.default;
  }
}

function operationOf(route: Route): ZodOpenApiOperationObject {
  const { scopes, description } = route;
  const scopeNote = scopes === null ? 'Open without a key.' : `Needs the scope ${scopes.join(' or ')}.`;
  return {
    operationId: operationName(route),
    tags: [route.tag],
    summary: route.summary,
    description: description === undefined ? scopeNote : `${description}\n\n${scopeNote}`,
    security: securityOf(route),
    requestParams: {
      path: route.params,
      query: route.query,
      ...(route.headers !== undefined && { header: route.headers }),
    },
    ...(route.requestBody !== undefined && { requestBody: route.requestBody }),
    responses: { ...withHeaders(route), ...problemResponses(route) },
  };
}

function securityOf({ scopes, auth }: Route): ZodOpenApiOperationObject['security'] {
  if (scopes === null) return [];
  const basic = [{ basic: [...scopes] }];
  if (auth === 'basic') return basic;
  return [{ key: [...scopes] }, { bearer: [...scopes] }, ...(auth === 'any' ? basic : [])];
}

function withHeaders({ responses, scopes }: Route): ZodOpenApiResponsesObject {
  const common = { ...(scopes !== null && RATE_HEADERS), 'x-request-id': requestIdHeader };
  const named: ZodOpenApiResponsesObject = {};
  for (const [status, response] of Object.entries(responses)) {
    const given = response.headers instanceof z.ZodObject ? response.headers : z.object({});
    named[status as '200'] = { ...response, headers: given.extend(common) };
  }
  return named;
}

function problemResponses(route: Route): ZodOpenApiResponsesObject {
  const codes = new Set<ErrorCode>([
    ...(route.scopes === null ? [] : PROBLEMS_WITH_KEY),
    ...(route.path.includes('{table}') ? (['unknown-table'] as const) : []),
    // Unknown query parameters are an error on every route.
    'invalid-request',
    'internal',
    'stopping',
    ...route.problems,
  ]);
  const byStatus = Map.groupBy(codes, (code) => ERRORS[code].status);
  const responses: ZodOpenApiResponsesObject = {};
  for (const [status, ofStatus] of byStatus) {
    responses[`${status}` as '400'] = {
      description: ofStatus.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join('\n\n'),
      headers: z.object({ 'x-request-id': requestIdHeader, ...EXTRA_HEADERS[status] }),
      content: { 'application/problem+json': { schema: problemSchema } },
    };
  }
  return responses;
}
