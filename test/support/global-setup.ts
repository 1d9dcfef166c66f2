import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FileQueue } from './file-queue.ts';
import { ServerHost, type ServerName } from './server-host.ts';

/**
 * Of a whole run (`node --test --test-global-setup`): hands out the run's servers to the test processes, which ask
 * through `servers.ts`, and the files of the folders in `TEST_FOLDERS`, which `share.ts` asks for. A run in which nobody
 * asks for a server starts none.
 */
const NAMES: readonly ServerName[] = ['postgres', 'temporal'];

const servers = new ServerHost();
let door: Server | undefined;

export async function globalSetup(): Promise<void> {
  // The answers hold passwords: who knows the path is of this run.
  const secret = randomBytes(16).toString('hex');
  const files = new FileQueue(process.env.TEST_FOLDERS?.split(',') ?? []);
  const opened = createServer(async (req, res) => {
    // Who asks again after a long test would meet a connection that is being closed for its idleness.
    res.setHeader('connection', 'close');
    if (req.url === `/${secret}/files`) {
      const path = files.next();
      res.writeHead(path === undefined ? 204 : 200).end(path);
      return;
    }
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
  if (process.env.TEST_FOLDERS !== undefined) process.env.TEST_FILES = `${process.env.TEST_SERVERS}/files`;
  door = opened;
}

export async function globalTeardown(): Promise<void> {
  door?.closeAllConnections();
  door?.close();
  await servers[Symbol.asyncDispose]();
}
