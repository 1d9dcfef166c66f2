import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import type { Logger } from 'pino';

/** What is known of a request while it is handled. */
export interface RequestContext {
  readonly requestId: string;
  readonly startedAtMs: number;
  /** The route's path template, once one matched. */
  route: string | null;
  /** ID of the key that asked, once it is verified. */
  keyId: string | null;
  /** Of the load that the request is about or has started. */
  loadId: number | null;
  workflowId: string | null;
}

/** What a client may choose as its `x-request-id`: short, and safe in any log. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

export function contextOf(res: Response): RequestContext {
  return res.locals.context as RequestContext;
}

/** The first middleware: names the request, in the answer's `x-request-id` too, and logs how it ended. */
export function requestContext(log: Logger) {
  return (req: Request, res: Response, next: NextFunction): void => {
    const given = req.get('x-request-id');
    const context: RequestContext = {
      requestId: given !== undefined && REQUEST_ID.test(given) ? given : randomUUID(),
      startedAtMs: performance.now(),
      route: null,
      keyId: null,
      loadId: null,
      workflowId: null,
    };
    res.locals.context = context;
    res.set('x-request-id', context.requestId);
    res.once('close', () => logEnd(log, req, res, context));
    next();
  };
}

/** No query, no headers, no bodies: they may hold secrets or rows. */
function logEnd(log: Logger, req: Request, res: Response, context: RequestContext): void {
  const { requestId, route, keyId, loadId, workflowId } = context;
  const entry = {
    requestId,
    method: req.method,
    route: route ?? 'none',
    status: res.statusCode,
    durationMs: Math.round(performance.now() - context.startedAtMs),
    ...(keyId !== null && { keyId }),
    ...(loadId !== null && { loadId }),
    ...(workflowId !== null && { workflowId }),
  };
  if (res.writableFinished) log.info(entry, 'request');
  else log.info({ ...entry, status: null }, 'request broken off by the client');
}
