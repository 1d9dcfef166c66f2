import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ERRORS, type ErrorCode } from '../../src/errors.ts';

/** How long the client of a refused request may take to read why. */
const LINGER_MS = 1_000;

interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/** Node's error for a request that never reached the app. */
interface ClientError extends Error {
  readonly code?: string;
  /** llhttp's words, as `Invalid header token`. */
  readonly reason?: string;
}

/**
 * Answers requests that the HTTP parser refuses (not HTTP, headers too long or too slow, a truncated body) with a problem
 * (RFC 9457), as every other error; Node's own answer has no body. `instance` is left out, since the path may be the part
 * that could not be read.
 */
export function answerClientErrors(server: Server): void {
  /** The newest exchange of each connection. */
  const newest = new WeakMap<object, Exchange>();
  const note = (req: IncomingMessage, res: ServerResponse) => void newest.set(req.socket, { req, res });
  server.prependListener('request', note);
  server.prependListener('checkContinue', note);
  server.on('clientError', (error: ClientError, socket: Socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable || isAnswered(newest.get(socket))) {
      socket.destroy();
      return;
    }
    socket.end(problemAnswer(error));
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
  });
}

/** Whether this request was answered, or the previous one only half: another answer would be garbage. */
function isAnswered(exchange: Exchange | undefined): boolean {
  if (exchange === undefined) return false;
  const { req, res } = exchange;
  return res.headersSent && !(req.complete && res.writableEnded);
}

function problemAnswer(error: ClientError): string {
  const [code, detail] = faultOf(error);
  const { status, title, remedy } = ERRORS[code];
  const body = JSON.stringify({ type: `/docs/errors#${code}`, title, status, detail, code, remedy });
  return [
    `HTTP/1.1 ${status} ${REASONS[status] ?? ''}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

/** RFC 9110, 15.5.1 and 15.5.9; RFC 6585, 5. */
const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

function faultOf({ code, reason }: ClientError): [code: ErrorCode, detail: string] {
  if (code === 'HPE_HEADER_OVERFLOW') return ['headers-too-large', 'the headers of the request are too long'];
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return ['request-timeout', 'the headers of the request did not arrive in time'];
  if (code === 'HPE_INVALID_EOF_STATE')
    return ['malformed-request', 'the connection ended in the middle of the request'];
  return ['malformed-request', `the request is not HTTP/1.1${reason === undefined ? '' : `: ${reason}`}`];
}
