import type { NextFunction, Request, Response } from 'express';
import { z } from 'zod';
import { asDatabaseError } from '../../src/db/database-error.ts';
import { ERRORS, type ErrorCode, type ErrorPlace, LongshoreError } from '../../src/errors.ts';
import { wordsByName } from '../../src/schema-words.ts';
import { shorten } from '../../src/shorten.ts';
import { contextOf } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { HttpError } from './http-error.ts';

/** Problem details for HTTP APIs (RFC 9457), with the catalog's `code` and `remedy` as extension members. */
export const problemSchema = z
  .object({
    type: z
      .string()
      .meta({ description: 'A page about this kind of problem', example: '/docs/errors#unknown-table' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().meta({ description: 'What happened, this time' }),
    instance: z.string().meta({ description: 'The path that was asked' }),
    code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
    remedy: z.string().meta({ description: 'What to do about it' }),
    requestId: z
      .string()
      .optional()
      .meta({ description: 'Left out where a repeated request has to get the same body' }),
    errors: z
      .array(
        z.object({
          detail: z.string(),
          pointer: z
            .string()
            .optional()
            .meta({ description: 'JSON pointer into the body, as a URI fragment' }),
          parameter: z.string().optional().meta({ description: 'Name of the parameter at fault' }),
        }),
      )
      .optional(),
  })
  .catchall(z.unknown())
  .meta({ id: 'Problem' });

export type Problem = z.infer<typeof problemSchema>;

/** How long a client that is still sending may go on after its answer, so that it gets to read it. */
const LINGER_MS = 5_000;
/** The most characters of a path that a problem repeats; an address may have 64 KiB. */
export const LONGEST_PATH = 300;
/** Faults of one request that are listed, and the characters shown of a name in it. */
const MOST_PLACES = 100;
const LONGEST_NAME = 100;
/** `Retry-After` while a dependency is away, and while the first request with an Idempotency-Key is under way. */
const RETRY_AWAY_SECONDS = '5';
const RETRY_IN_USE_SECONDS = '1';

/** The last middleware: turns errors into problems. */
export function problemHandler({ log, strangers }: Pick<ApiDeps, 'log' | 'strangers'>) {
  // Express knows an error handler by its four parameters.
  return (thrown: unknown, req: Request, res: Response, _next: NextFunction): void => {
    const error = asLongshoreError(thrown);
    const entry = ERRORS[error.code];
    const context = contextOf(res);
    context.problemCode = error.code;
    const { requestId, keyId, route, address } = context;
    if (entry.status >= 500) {
      const fields = { requestId, err: thrown };
      if (keyId !== null) log.error(fields, entry.title);
      else {
        const source = { route, address };
        strangers.write({
          level: 'error',
          kind: `problem ${error.code}`,
          message: entry.title,
          fields,
          source,
        });
      }
    }
    if (res.headersSent || res.destroyed) {
      // Half an answer was sent: truncating it is the only way left to show that it is incomplete.
      res.destroy();
      return;
    }
    const problem: Problem = {
      type: `/docs/errors#${error.code}`,
      title: entry.title,
      status: entry.status,
      detail: error.message,
      instance: shorten(req.path, LONGEST_PATH),
      code: error.code,
      remedy: remedyOf(error),
      requestId,
      ...(error.places.length > 0 && { errors: [...error.places] }),
      ...(error instanceof HttpError && error.members),
    };
    if (entry.status === 503) res.set('Retry-After', RETRY_AWAY_SECONDS);
    if (error.code === 'idempotency-key-in-use') res.set('Retry-After', RETRY_IN_USE_SECONDS);
    if (error instanceof HttpError) res.set(error.headers);
    res
      .status(entry.status)
      .type('application/problem+json')
      .send(withJson(JSON.stringify(problem), error instanceof HttpError ? error.json : {}));
    if (!req.complete) linger(req);
  };
}

/** The catalog's; where it is about the places of a request and there are none, what else there is. */
function remedyOf({ code, places }: LongshoreError): string {
  const { remedy } = ERRORS[code];
  return code === 'invalid-request' && places.length === 0 ? 'Correct what `detail` says.' : remedy;
}

/** Adds members to a JSON object's text; their values are JSON text themselves. */
export function withJson(object: string, members: Readonly<Record<string, string>>): string {
  const added = Object.entries(members).map(([name, json]) => `,${JSON.stringify(name)}:${json}`);
  return `${object.slice(0, -1)}${added.join('')}}`;
}

/**
 * Closing a socket with unread data resets it, and the client would see the reset instead of the problem; so the
 * rest of the request is read and dropped for a while.
 */
function linger(req: Request): void {
  req.resume();
  const timer = setTimeout(() => req.destroy(), LINGER_MS);
  req.once('close', () => clearTimeout(timer));
}

/** The error of the catalog for a thrown value. */
export function asLongshoreError(thrown: unknown): LongshoreError {
  if (thrown instanceof LongshoreError) return thrown;
  // Express's own: a path whose percent-encoding is broken.
  if (thrown instanceof URIError)
    return new LongshoreError('invalid-request', 'the path is not valid percent-encoding');
  const unavailable = asDatabaseError(thrown);
  if (unavailable !== null) return unavailable;
  return new LongshoreError('internal', 'the request could not be finished', { cause: thrown });
}

/** The first issues of a zod schema as the places of a problem. */
export function placesOf(error: z.ZodError, kind: 'pointer' | 'parameter'): ErrorPlace[] {
  const places = error.issues.slice(0, MOST_PLACES).flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return wordsByName(issue, MOST_PLACES).map(([key, what]) => place(kind, [...issue.path, key], what));
    }
    return [place(kind, issue.path, issue.message)];
  });
  return places.slice(0, MOST_PLACES);
}

export function place(kind: 'pointer' | 'parameter', path: readonly PropertyKey[], what: string): ErrorPlace {
  const parts = path.map((part) => shorten(String(part), LONGEST_NAME).toWellFormed());
  if (kind === 'parameter') return { parameter: parts.join('.'), detail: `${parts.join('.')}: ${what}` };
  const pointer = parts.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  return { pointer: `#${encodeURI(pointer)}`, detail: what };
}
