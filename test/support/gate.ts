import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Cleanup } from './home.ts';

/** How far a request gets: nothing of it, the first piece of its body, all of it but its answer. */
type Reach = 'nowhere' | 'begun' | 'done';

/** A way to a platform on which requests can be held up. */
export interface Gate {
  readonly url: string;
  /**
   * Holds the next request that matches, where its way ends.
   * @param pattern of the method and the path: `POST /v1/tables`
   * @returns resolves when the request is held, with what lets it go on
   */
  hold(pattern: RegExp, reach: Reach): Promise<() => void>;
}

interface Hold {
  readonly pattern: RegExp;
  readonly reach: Reach;
  readonly arrived: (release: () => void) => void;
}

/** @param target the platform's address, asked for at each request: it may have another one when it is back */
export async function gateTo(t: Cleanup, target: () => string): Promise<Gate> {
  const holds: Hold[] = [];
  const server = createServer((req, res) => {
    pass(req, res).catch(() => res.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    server.close();
    server.closeAllConnections();
  });

  async function pass(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const at = holds.findIndex(({ pattern }) => pattern.test(`${req.method} ${req.url}`));
    const [hold] = at === -1 ? [] : holds.splice(at, 1);
    const stop = () => new Promise<void>((release) => hold?.arrived(release));
    if (hold?.reach === 'nowhere') await stop();
    const sent = request(target() + req.url, { method: req.method, headers: req.headers, agent: false });
    // A client that is gone, or a platform, takes the other side's connection with it.
    res.on('close', () => res.writableFinished || sent.destroy());
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    answered.catch(() => undefined);
    let isFirst = true;
    for await (const piece of req) {
      sent.write(piece);
      if (isFirst && hold?.reach === 'begun') await stop();
      isFirst = false;
    }
    sent.end();
    const [answer] = await answered;
    if (hold?.reach === 'done') await stop();
    res.writeHead(answer.statusCode ?? 500, answer.headers);
    for await (const piece of answer) res.write(piece);
    res.end();
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: (pattern, reach) => new Promise((arrived) => holds.push({ pattern, reach, arrived })),
  };
}
