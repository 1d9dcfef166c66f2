import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ServerHost, type ServerName } from './server-host.ts';

/**
 * Of a whole run (`node --test --test-global-setup`): hands out the run's servers to the test processes, which ask
 * through `servers.ts`. A run in which nobody asks starts none.
 */
const NAMES: readonly ServerName[] = ['postgres', 'temporal'];

const servers = new ServerHost();
let door: Server | undefined;

export async function globalSetup(): Promise<void> {
  // The answers hold passwords: who knows the path is of this run.
  const secret = randomBytes(16).toString('hex');
  const opened = createServer(async (req, res) => {
    const name = NAMES.find((known) => req.url === `/${secret}/${known}`);
    if (name === undefined) {
      res.writeHead(404).end();
      return;
    }
    try {
      res.end(JSON.stringify(await servers.ask(name)));
    } catch (error) {
      res.writeHead(503).end((error as Error).message);
    }
  });
  opened.listen(0, '127.0.0.1');
  await once(opened, 'listening');
  process.env.TEST_SERVERS = `http://127.0.0.1:${(opened.address() as AddressInfo).port}/${secret}`;
  door = opened;
}

export async function globalTeardown(): Promise<void> {
  door?.closeAllConnections();
  door?.close();
  await servers[Symbol.asyncDispose]();
}
