import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Express, NextFunction, Request, Response } from 'express';
import { LongshoreError } from '../../src/errors.ts';
import { shorten } from '../../src/shorten.ts';
import { answerClientErrors } from './client-errors.ts';

/** An idle connection is closed after this time, also in the middle of an upload. */
const IDLE_MS = 120_000;
const HEADERS_MS = 30_000;
/** Longer than the 60 seconds that proxies keep idle connections, so that none reuses one that just closed. */
const KEEP_ALIVE_MS = 65_000;

/** A cursor in a query may be 4096 characters, each of which may be percent-encoded. */
const MAX_HEADER_BYTES = 64 * 1024;

const awaitsContinue = Symbol('awaits 100 Continue');
const expectsMore = Symbol('expects something else');

interface Marks {
  [awaitsContinue]?: boolean;
  [expectsMore]?: boolean;
}

/**
 * The HTTP server of an app, with timeouts for uploads of any length, and with `Expect: 100-continue`
 * (RFC 9110, 10.1.1) answered only when the request passed its checks, so that a refused file is never sent.
 */
export function createHttpServer(app: Express): Server {
  // Node's default of 5 minutes for a whole request would cut off every long upload; idle ones end by `timeout`.
  const server = createServer(
    {
      requestTimeout: 0,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Node's own refusal has no body; `readableRequests` has one.
      requireHostHeader: false,
    },
    app,
  );
  answerClientErrors(server);
  server.timeout = IDLE_MS;
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    Object.assign(res, { [awaitsContinue]: true });
    app(req, res);
  });
  // Of an expectation that nobody knows (RFC 9110, 10.1.1), Node's own answer has no body.
  server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => {
    Object.assign(res, { [expectsMore]: true });
    app(req, res);
  });
  return server;
}

/** Refuses what Node lets through, or would refuse without a body: other versions, a missing Host, `Expect`. */
export function readableRequests(req: Request, res: Response & Marks, next: NextFunction): void {
  if (req.httpVersionMajor !== 1) {
    throw new LongshoreError('http-version', `the request is in HTTP/${shorten(req.httpVersion, 10)}`);
  }
  if (req.httpVersionMinor === 1 && req.headers.host === undefined) {
    throw new LongshoreError('malformed-request', 'the header Host is missing, which HTTP/1.1 requires');
  }
  if (res[expectsMore] === true) {
    throw new LongshoreError('expectation-failed', 'the header Expect has something other than 100-continue');
  }
  next();
}

/** To be called before a body is read: sends `100 Continue` to a client that expects it. */
export function welcomeBody(res: ServerResponse & Marks): void {
  if (res[awaitsContinue] !== true) return;
  res[awaitsContinue] = false;
  res.writeContinue();
}

/** Whether reading a body failed because the client has disconnected. */
export function isHangUp(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ECONNRESET';
}
