import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import type { ZodOpenApiRequestBodyObject, ZodOpenApiResponsesObject } from 'zod-openapi';
import type { DictionaryBook } from '../../src/dictionary/dictionary-book.ts';
import { type ErrorCode, LongshoreError } from '../../src/errors.ts';
import type { ApiKeyHolder } from '../../src/keys/key-rows.ts';
import type { Scope } from '../../src/keys/scope.ts';
import { checkParameters, meant } from '../../src/schema-words.ts';
import { quoted } from '../../src/shorten.ts';
import type { Dictionary, Table } from '../../src/types.ts';
import { audited } from './audited.ts';
import { type AuthScheme, authenticate, requireScope, requireTable } from './auth.ts';
import { contextOf } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { nulPlaces } from './nul.ts';
import { placesOf } from './problems.ts';
import { requireRate } from './rate-limit.ts';

/**
 * One route, described once: the OpenAPI document shows the schemas that check the request. The checks run in the order
 * API key, rate, scope, table, parameters; a body is only read by the handler, after all of them.
 */
export interface Route {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As OpenAPI writes it: `/v1/loads/{id}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** Not part of the OpenAPI document: it only answers wrong addresses. */
  readonly undocumented?: true;
  /** The key needs any one of them (`admin` has them all); null: open to everyone. */
  readonly scopes: readonly Scope[] | null;
  /** How the key is sent; `bearer` when left out. */
  readonly auth?: AuthScheme;
  /** It can be answered while PostgreSQL is away: keys that are known without it are enough. */
  readonly withoutLedger?: boolean;
  /** What the audit log calls it, as `load.start`. For every route with a key that changes something. */
  readonly audit?: string;
  /**
   * Of a path with `{table}`: tables that left the dictionary too, since the ledger or a backup may know them. The handler
   * has their name (`params: TABLE_PARAM`) and finds out itself whether the dictionary has it: `table` is null.
   */
  readonly formerTables?: true;
  /** A read that is a POST only because its query is too long for a URL: it is not audited. */
  readonly changesNothing?: true;
  /** Possible suffixes of the action: see `AuditTrail.variant`. */
  readonly auditVariants?: readonly string[];
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  /** Request headers that the handler reads; for the document only. */
  readonly headers?: z.ZodObject;
  readonly requestBody?: ZodOpenApiRequestBodyObject;
  readonly responses: ZodOpenApiResponsesObject;
  /** Problems beyond those that every route of its kind may answer. */
  readonly problems: readonly ErrorCode[];
  handler(deps: ApiDeps): RequestHandler;
}

/** The validated request that a handler gets. */
export interface Call<Path extends string, Params, Query> {
  readonly req: Request;
  readonly res: Response;
  readonly deps: ApiDeps;
  readonly params: Params;
  readonly query: Query;
  /** As it was when the request began: all of the request goes by this one. */
  readonly dictionary: ReturnType<DictionaryBook['now']>;
  /** The holder of the API key; null on an open route. */
  readonly holder: ApiKeyHolder | null;
  /** The table of a path with `{table}`. */
  readonly table: Path extends `${string}{table}${string}` ? Table : null;
}

/** The call of a route with `formerTables`. */
export type FormerTablesCall<Query> = Omit<Call<string, { readonly table: string }, Query>, 'table'>;

interface RouteDefinition<Path extends string, Params extends z.ZodObject, Query extends z.ZodObject>
  extends Omit<Route, 'path' | 'params' | 'query' | 'problems' | 'handler'> {
  readonly path: Path;
  readonly params?: Params;
  readonly query?: Query;
  readonly problems?: readonly ErrorCode[];
  handle(call: Call<Path, z.output<Params>, z.output<Query>>): Promise<void> | void;
}

const NOTHING = z.strictObject({});
export const TABLE_PARAM = z.strictObject({
  table: z.string().meta({ description: "A table's name", example: 'jobs' }),
});

export function defineRoute<
  const Path extends string,
  Params extends z.ZodObject = typeof NOTHING,
  Query extends z.ZodObject = typeof NOTHING,
>(definition: RouteDefinition<Path, Params, Query>): Route {
  const { handle, ...described } = definition;
  // Checked at the start of the process, so that no route with a forgotten `audit` goes unrecorded.
  const changes = definition.method !== 'get' && definition.changesNothing !== true;
  if (changes && definition.scopes !== null && definition.audit === undefined) {
    throw new Error(`${definition.method} ${definition.path} has no name for the audit log`);
  }
  const hasTable = definition.path.includes('{table}');
  const params: z.ZodObject = definition.params ?? (hasTable ? TABLE_PARAM : NOTHING);
  const query: z.ZodObject = definition.query ?? NOTHING;
  return {
    ...described,
    params,
    query,
    problems: definition.problems ?? [],
    handler: (deps) => async (req, res) => {
      const context = contextOf(res);
      context.route = definition.path;
      const { scopes, audit: action } = definition;
      const answer = async (holder: ApiKeyHolder | null) => {
        if (holder !== null) requireScope(holder, scopes!);
        const name = String(req.params.table);
        if (hasTable && holder !== null) requireTable(holder, name);
        let dictionary = deps.dictionary.now();
        // Another process may have taken it in a moment ago.
        if (hasTable && !hasTableNamed(dictionary, name)) dictionary = await deps.dictionary.look();
        const table = hasTable && !definition.formerTables ? findTable(dictionary, holder, name) : null;
        const call = {
          req,
          res,
          deps,
          dictionary,
          params: check(params, req.params),
          query: check(query, req.query),
          holder,
          table,
        };
        await handle(call as unknown as Call<Path, z.output<Params>, z.output<Query>>);
      };
      if (scopes === null) return answer(null);

      res.setHeader('Cache-Control', 'no-store');
      const holder = await authenticate(req, deps, definition);
      context.keyId = holder.id;
      requireRate(res, deps.limiter, holder, deps.config.rate);
      if (action === undefined) return answer(holder);
      return audited({ req, res, deps, holder, action }, () => answer(holder));
    },
  };
}

/** Express's way to write a path template. */
export function expressPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function hasTableNamed({ tables }: Dictionary, name: string): boolean {
  return tables.some((table) => table.name === name);
}

function findTable(dictionary: Dictionary, holder: ApiKeyHolder | null, name: string): Table {
  const table = dictionary.tables.find((t) => t.name === name);
  if (table !== undefined) return table;
  throw unknownTable(name, dictionary, holder);
}

/** Of the tables that the API key may use, the error also names the one that was most likely meant. */
export function unknownTable(
  name: string,
  { tables }: Dictionary,
  holder: ApiKeyHolder | null,
): LongshoreError {
  const usable = tables.map((one) => one.name).filter((one) => holder?.tables?.includes(one) ?? true);
  return new LongshoreError(
    'unknown-table',
    `the dictionary has no table ${quoted(name)}${meant(name, usable)}`,
  );
}

/** Without a prototype: a parameter may be called `toString`. */
function check(schema: z.ZodObject, given: unknown): unknown {
  const parsed = checkParameters(schema, Object.assign(Object.create(null), given));
  const places = parsed.success ? nulPlaces(given, 'parameter') : placesOf(parsed.error, 'parameter');
  if (parsed.success && places.length === 0) return parsed.data;
  throw new LongshoreError('invalid-request', places.map((place) => place.detail).join('; '), { places });
}
