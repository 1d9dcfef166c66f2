import pg from 'pg';
import { migrate } from '../../src/db/migrate.ts';
import { startPostgres } from '../../src/platform/postgres.ts';
import type { Exit } from '../../src/platform/server-process.ts';
import { startTemporal } from '../../src/platform/temporal.ts';
import type { ProgressLog } from '../../src/runtime/logger.ts';
import { removeAbandonedHomes, removeHome, testHome } from './home.ts';
import type { ServerName, ServersMessage } from './server-host.ts';

/**
 * The process that runs the servers of a test run, a child of `server-host.ts`. It starts a server when it is first
 * asked for, and stops all of them when its parent lets go of the channel, or has died in whatever way.
 */
const TEMPLATE = 'longshore_template';

interface Started {
  readonly values: Readonly<Record<string, string>>;
  readonly exited: Promise<Exit>;
  stop(): Promise<void>;
}

const send = (message: ServersMessage) => {
  if (process.connected) process.send?.(message);
};
const log: ProgressLog = { info: (says) => send({ says }), warn: (says) => send({ says }) };

const START: Readonly<Record<ServerName, (home: string) => Promise<Started>>> = {
  async postgres(home) {
    // What a power cut would lose is of no interest here. Each file that runs has platforms of its own, each of which
    // may have some thirty connections.
    const settings = { fsync: 'off', max_connections: '500' };
    const server = await startPostgres({ home, log, settings });
    await makeTemplate(server.adminUrl);
    return { ...server, values: { url: server.adminUrl, template: TEMPLATE } };
  },
  async temporal(home) {
    const server = await startTemporal({ home, log });
    return { ...server, values: { address: server.address } };
  },
};

let home: Promise<string> | undefined;
let stopping = false;
const asked = new Map<ServerName, Promise<Started | null>>();

async function start(name: ServerName): Promise<Started | null> {
  home ??= removeAbandonedHomes().then(() => testHome());
  try {
    const server = await START[name](await home);
    void server.exited.then(({ code, signal }) => {
      const end = signal ?? `exit code ${code}`;
      if (!stopping)
        send({ server: name, failed: `${name} of this test run has ended unexpectedly (${end})` });
    });
    send({ server: name, values: server.values });
    return server;
  } catch (error) {
    send({ server: name, failed: `${name} could not be started for the tests: ${(error as Error).message}` });
    return null;
  }
}

async function stopAll(): Promise<void> {
  stopping = true;
  const servers = await Promise.all(asked.values());
  await Promise.all(servers.map((server) => server?.stop()));
  if (home !== undefined) await removeHome(await home);
}

/** Migrated once; each test database is a copy of it. */
async function makeTemplate(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create database ${TEMPLATE}`);
  } finally {
    await client.end();
  }
  const template = new URL(url);
  template.pathname = `/${TEMPLATE}`;
  await migrate(template.href);
}

process.on('message', ({ start: name }: { readonly start: ServerName }) => {
  if (!asked.has(name)) asked.set(name, start(name));
});
process.once('disconnect', () => void stopAll());
// Ctrl-C reaches the whole group of the terminal: the parent ends its tests first, then lets go of the channel.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
