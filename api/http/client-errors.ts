import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
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
}

/**
 * Answers requests that the HTTP parser refuses (not HTTP, headers too long or too slow, a truncated body) with a problem
 * (RFC 9457), as every other error, and `CONNECT`, which opens a tunnel; Node's own answers have no body. `instance` is left out, since the path may be the part
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
    refuse(socket, ...faultOf(error));
  });
  server.on('connect', (_req: IncomingMessage, socket: Socket) =>
    refuse(socket, 'method-not-allowed', 'CONNECT is taken by no address: this is no proxy'),
  );
}

function refuse(socket: Socket, code: ErrorCode, detail: string): void {
  // Whoever does not read it has gone.
  socket.on('error', () => socket.destroy());
  socket.end(problemAnswer(code, detail));
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}

/** Whether this request was answered, or the previous one only half: another answer would be garbage. */
function isAnswered(exchange: Exchange | undefined): boolean {
  if (exchange === undefined) return false;
  const { req, res } = exchange;
  return res.headersSent && !(req.complete && res.writableEnded);
}

function problemAnswer(code: ErrorCode, detail: string): string {
  const { status, title, remedy } = ERRORS[code];
  const body = JSON.stringify({ type: `/docs/errors#${code}`, title, status, detail, code, remedy });
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...(code === 'method-not-allowed' ? ['Allow: '] : []),
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

/** The parser's errors, in our words. */
const FAULTS: Readonly<Record<string, readonly [code: ErrorCode, detail: string]>> = {
  HPE_HEADER_OVERFLOW: ['headers-too-large', 'the headers of the request are too long'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 'the headers of the request did not arrive in time'],
  HPE_INVALID_EOF_STATE: ['malformed-request', 'the connection ended in the middle of the request'],
  HPE_INVALID_VERSION: ['http-version', 'the request is in a version of HTTP other than 1.1 and 1.0'],
  HPE_PAUSED_H2_UPGRADE: ['http-version', 'the connection begins as HTTP/2 does'],
  HPE_INVALID_METHOD: ['malformed-request', 'the request does not begin with a method of HTTP'],
  HPE_INVALID_URL: ['malformed-request', 'the address of the request has a character that it may not have'],
  HPE_INVALID_CONSTANT: ['malformed-request', 'the address of the request is not followed by HTTP/1.1'],
  HPE_INVALID_HEADER_TOKEN: ['malformed-request', 'a header has a character that it may not have'],
  HPE_INVALID_CONTENT_LENGTH: ['malformed-request', 'the header Content-Length is not one number'],
  HPE_UNEXPECTED_CONTENT_LENGTH: [
    'malformed-request',
    'the header Content-Length is there twice, or beside Transfer-Encoding',
  ],
  HPE_INVALID_TRANSFER_ENCODING: [
    'malformed-request',
    'the header Transfer-Encoding does not end in chunked',
  ],
  HPE_INVALID_CHUNK_SIZE: ['malformed-request', 'a chunk of the body does not begin with its size'],
};

function faultOf({ code = '' }: ClientError): readonly [code: ErrorCode, detail: string] {
  return FAULTS[code] ?? ['malformed-request', 'the request is not HTTP/1.1'];
}
