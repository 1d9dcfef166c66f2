import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { answerClientErrors } from '../../api/http/client-errors.ts';
import { ERRORS } from '../../src/errors.ts';

describe('a request that can not be read', () => {
  const server = createServer(
    { headersTimeout: 200, requestTimeout: 200, connectionsCheckingInterval: 50, maxHeaderSize: 1024 },
    (req, res) => {
      if (req.url === '/now') {
        res.end('now');
        return;
      }
      if (req.url === '/half') res.write('half');
      req.resume().once('end', () => res.end());
    },
  );
  answerClientErrors(server);
  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(() => server.close());

  /** Sends bytes, and the connection's end if `end`; everything that comes back until the server ends it. */
  async function sent(bytes: string, end = true): Promise<string> {
    const socket = connect({ port: (server.address() as AddressInfo).port, allowHalfOpen: true });
    if (end) socket.end(bytes);
    else socket.write(bytes);
    const answer = await text(socket);
    socket.destroy();
    return answer;
  }
  const truncated = (path: string) => `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc`;

  const cases: [what: string, bytes: string, end: boolean, code: keyof typeof ERRORS, detail: RegExp][] = [
    ['that is not HTTP', 'hello\r\n\r\n', true, 'malformed-request', /begin with a method of HTTP$/],
    ['in HTTP/3', 'GET / HTTP/3.0\r\nhost: x\r\n\r\n', true, 'http-version', /version of HTTP other than/],
    ['in HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', true, 'http-version', /HTTP\/2/],
    ['for a tunnel', 'CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n', true, 'method-not-allowed', /no proxy/],
    [
      'with a header that is none',
      'GET / HTTP/1.1\r\nhost: x\r\na b: c\r\n\r\n',
      true,
      'malformed-request',
      /a header has a character that it may not have/,
    ],
    ['whose body is cut off', truncated('/'), true, 'malformed-request', /ended in the middle/],
    [
      'whose headers are too long',
      `GET / HTTP/1.1\r\nhost: x\r\na: ${'a'.repeat(4096)}\r\n\r\n`,
      true,
      'headers-too-large',
      /too long/,
    ],
    ['whose headers do not come', 'GET / HTTP/1.1\r\nhost:', false, 'request-timeout', /in time/],
  ];
  for (const [what, bytes, end, code, detail] of cases) {
    it(`${what}, is answered by a problem`, async () => {
      const [head, body] = (await sent(bytes, end)).split('\r\n\r\n');
      const problem = JSON.parse(body!) as Record<string, unknown>;
      assert.match(head!, new RegExp(`^HTTP/1\\.1 ${ERRORS[code].status} [A-Z]`));
      assert.match(head!, /\r\ncontent-type: application\/problem\+json.*\r\nconnection: close$/is);
      assert.deepEqual([problem.code, problem.status], [code, ERRORS[code].status]);
      assert.match(String(problem.detail), detail);
    });
  }

  it('gets no second answer', async () => {
    for (const path of ['/now', '/half']) {
      const answer = await sent(truncated(path));
      assert.match(answer, /^HTTP\/1\.1 200 /);
      assert.doesNotMatch(answer, /malformed-request/);
    }
  });

  it('an unreadable request is answered as such after a good one on the same connection', async () => {
    const answer = await sent('GET /now HTTP/1.1\r\nhost: x\r\n\r\nhello\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 200 .*now.*HTTP\/1\.1 400 .*malformed-request/s);
  });
});
