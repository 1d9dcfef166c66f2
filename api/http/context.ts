import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import type { ErrorCode } from '../../src/errors.ts';
import type { JobName } from '../../src/jobs/job-kind.ts';
import type { Closing } from './closing.ts';
import type { ApiDeps } from './deps.ts';

type EndDeps = Pick<ApiDeps, 'log' | 'strangers' | 'metrics' | 'closing'>;

/** The context of a request while it is handled. */
export interface RequestContext {
  readonly requestId: string;
  readonly startedAtMs: number;
  /** The client's, or its proxy's; a connection that has ended has none any more. */
  readonly address: string | null;
  /** The route's path template, once one matched. */
  route: string | null;
  /** ID of the API key of the request, once it is verified. */
  keyId: string | null;
  /** Code of the problem, when the answer is one. */
  problemCode: ErrorCode | null;
  /** The load, backup or restore that the request is about or has started. */
  job: { readonly name: JobName; readonly id: number | string } | null;
  /** ID of the batch that the request is about or has sent. */
  batchId: string | null;
  workflowId: string | null;
  /** How the process ends, which ends what is under way. */
  readonly closing: Closing;
}

/** What a client may choose as its `x-request-id`: short, and safe in any log. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

export function contextOf(res: Response): RequestContext {
  return res.locals.context as RequestContext;
}

/**
 * The first middleware: gives the request an ID, also in the answer's `x-request-id`; logs and counts how it ended.
 * Requests with a valid API key have a line each; others are coalesced.
 */
export function requestContext(deps: EndDeps) {
  return (req: Request, res: Response, next: NextFunction): void => {
    const given = req.get('x-request-id');
    const context: RequestContext = {
      requestId: given !== undefined && REQUEST_ID.test(given) ? given : randomUUID(),
      startedAtMs: performance.now(),
      address: req.socket.remoteAddress ?? null,
      route: null,
      keyId: null,
      problemCode: null,
      job: null,
      batchId: null,
      workflowId: null,
      closing: deps.closing,
    };
    res.locals.context = context;
    res.set('x-request-id', context.requestId);
    res.once('close', () => end(deps, req, res, context));
    next();
  };
}

/** Logs the end of a request without query, headers and bodies: they may hold secrets or rows. */
function end(
  { log, strangers, metrics }: EndDeps,
  { method }: Request,
  res: Response,
  context: RequestContext,
): void {
  const { requestId, route, keyId, problemCode, job, batchId, workflowId } = context;
  const durationMs = performance.now() - context.startedAtMs;
  const status = res.writableFinished ? res.statusCode : null;
  metrics.requestEnded({ method, route, status, code: problemCode, seconds: durationMs / 1000 });
  const entry = {
    requestId,
    method,
    route: route ?? 'none',
    status,
    durationMs: Math.round(durationMs),
    ...(keyId !== null && { keyId }),
    ...(problemCode !== null && { code: problemCode }),
    ...(job !== null && { [`${job.name}Id`]: job.id }),
    ...(batchId !== null && { batchId }),
    ...(workflowId !== null && { workflowId }),
  };
  const message = status === null ? 'request broken off by the client' : 'request';
  if (keyId !== null) {
    log.info(entry, message);
    return;
  }
  strangers.write({
    level: 'info',
    kind: `request ${status} ${problemCode}`,
    message: `${message} without a good key`,
    fields: entry,
    common: { status, ...(problemCode !== null && { code: problemCode }) },
    source: { method, route: entry.route, address: context.address },
  });
}
