import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from './home.ts';

const PROBE_EVERY_MS = 200;
/** A new connection for each request, as of a proxy without keep-alive: what is idle on the way is never cut. */
const NO_KEEP_ALIVE = { agent: false, headers: {} };

export interface Balancer {
  readonly url: string;
  /** Those that are ready, as of the last probe. */
  ready(): readonly string[];
}

/**
 * A load balancer as operators have one in front of the APIs: probes `/readyz`, and sends each request to one that is
 * ready. A request whose API dies is broken off; none is repeated, since only its client knows whether it may be.
 */
export async function balancerOf(t: Cleanup, backends: readonly string[]): Promise<Balancer> {
  let ready: readonly string[] = [];
  let turn = 0;
  const over = new AbortController();
  const probe = async () => {
    const states = await Promise.all(
      backends.map(async (url) => {
        const signal = AbortSignal.any([over.signal, AbortSignal.timeout(5_000)]);
        return fetch(`${url}/readyz`, { signal }).then(
          async (answer) => {
            await answer.arrayBuffer();
            return answer.status === 200;
          },
          () => false,
        );
      }),
    );
    ready = backends.filter((_, at) => states[at]);
  };
  await probe();
  const probing = (async () => {
    while (!over.signal.aborted) {
      await sleep(PROBE_EVERY_MS);
      await probe();
    }
  })();
  const server = createServer({ requestTimeout: 0 }, (req, res) => {
    const backend = ready[turn++ % Math.max(1, ready.length)];
    if (backend === undefined) res.writeHead(503, { 'content-type': 'text/plain' }).end('no API is ready');
    else forward(backend, req, res);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    over.abort();
    await probing;
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ready: () => ready };
}

function forward(backend: string, req: IncomingMessage, res: ServerResponse): void {
  const { connection: _own, ...headers } = req.headers;
  const onward = request(
    `${backend}${req.url}`,
    { ...NO_KEEP_ALIVE, method: req.method, headers },
    (answer) => {
      const { connection: _its, ...rest } = answer.headers;
      res.writeHead(answer.statusCode ?? 502, rest);
      answer.pipe(res);
      answer.on('error', () => res.destroy());
      answer.on('aborted', () => res.destroy());
    },
  );
  onward.on('error', () => res.destroy());
  res.on('close', () => onward.destroy());
  req.pipe(onward);
}
