import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { ensureHome, type HomeState, logPath, readState, updateState } from '../runtime/home.ts';
import { messageOf } from '../runtime/log-fields.ts';
import type { ProgressLog } from '../runtime/logger.ts';
import { commandLine, isRunning, stopForeign } from '../runtime/processes.ts';
import { SEARCH_ATTRIBUTES } from '../temporal/attribute-names.ts';
import { listensOn } from './listening.ts';
import { choosePort, portIsFree } from './ports.ts';
import { type Exit, lastLines, type ServerProcess, startServer } from './server-process.ts';
import { type Compacted, dropUnusedIndexes, isWorthCompacting } from './temporal-file.ts';
import { type ProvisionOptions, provisionTemporal } from './temporal-provision.ts';

const FIRST_CHOICE_PORT = 7233;
const FIRST_CHOICE_UI_PORT = 8233;
const START_LIMIT_MS = 60_000;
const PORT_TRIES = 5;

export interface RunningTemporal {
  readonly address: string;
  readonly uiUrl: string;
  readonly pid: number;
  readonly port: number;
  readonly uiPort: number;
  /** Resolves when the server has ended, asked or not. */
  readonly exited: Promise<Exit>;
  stop(): Promise<void>;
}

export interface TemporalOptions {
  readonly home: string;
  readonly log: ProgressLog;
  readonly namespace?: string;
  /** Address of the codec that opens encrypted payloads for the Web UI. */
  readonly codecEndpoint?: string;
  /** Insist on these ports (a restart). Without them, those remembered in the home, or any. */
  readonly ports?: { readonly port: number; readonly uiPort: number };
  /** `LONGSHORE_TEMPORAL_PORT` and its like. */
  readonly givenPorts?: Partial<TemporalPorts>;
  readonly provision?: Omit<ProvisionOptions, 'log'>;
}

interface TemporalPorts {
  readonly temporal: number | undefined;
  readonly temporalUi: number | undefined;
  readonly temporalHttp: number | undefined;
  readonly temporalMetrics: number | undefined;
}

/** Starts the dev server on the home's database file; workflows of earlier runs go on. */
export async function startTemporal(options: TemporalOptions): Promise<RunningTemporal> {
  for (let tried = 1; ; tried++) {
    try {
      return await tryToStart(options);
    } catch (error) {
      // Between the choice of a port and its use, another program took it.
      if (!(error instanceof PortTaken) || tried === PORT_TRIES) throw error;
    }
  }
}

class PortTaken extends Error {}

async function tryToStart(options: TemporalOptions): Promise<RunningTemporal> {
  const { home, log, namespace = 'default', codecEndpoint } = options;
  const layout = await ensureHome(home);
  const program = await provisionTemporal({ ...options.provision, log });
  const database = join(layout.temporal, 'temporal.db');
  const state = readState(home);
  await stopOrphanedTemporal(state.temporalPid, database, log);
  await compact(database, log);

  const ports = await choosePorts(options, state);
  const { port, uiPort } = ports;
  for (const wanted of [port, uiPort]) {
    if (options.ports !== undefined) await waitForPort(wanted);
    // Another program took it since it was chosen: any other will do.
    else if (!(await portIsFree(wanted))) {
      throw new PortTaken(`port ${wanted}, which Temporal was to have, is taken by another program`);
    }
  }
  const server = await startServer(
    program,
    serverArguments({ database, namespace, codecEndpoint, ...ports }),
    logPath(home, 'temporal'),
  );
  try {
    updateState(home, { temporalPort: port, temporalUiPort: uiPort, temporalPid: server.pid });
    const address = `127.0.0.1:${port}`;
    await waitUntilReady(server, address, namespace, logPath(home, 'temporal'));
    // Of a file that the server has just made; of all others they are gone.
    trying(() => dropUnusedIndexes(database), log);
    return {
      address,
      uiUrl: `http://127.0.0.1:${uiPort}`,
      pid: server.pid,
      port,
      uiPort,
      exited: server.exited,
      stop: () => stopServer(server),
    };
  } catch (error) {
    const endedByItself = server.hasExited();
    await stopServer(server);
    if (!endedByItself) throw error;
    for (const taken of Object.values(ports)) {
      if (await portIsFree(taken)) continue;
      throw new PortTaken(`port ${taken}, which Temporal was to have, is taken by another program`);
    }
    throw error;
  }
}

/** Gives what is free in the server's file back to the disk. The server starts all the same where that fails. */
async function compact(database: string, log: ProgressLog): Promise<void> {
  if (!trying(() => isWorthCompacting(database), log)) return;
  try {
    const compacted = await inThread(database);
    if (compacted === null) return;
    const { fromBytes, toBytes } = compacted;
    log.info(`Temporal's database was compacted: ${mebibytes(fromBytes)} MiB, now ${mebibytes(toBytes)} MiB`);
  } catch (error) {
    tellFailed(error, log);
  }
}

/** In a thread of its own, since SQLite's statements keep their thread until they end. */
function inThread(path: string): Promise<Compacted | null> {
  const thread = new Worker(new URL('./compact-temporal.ts', import.meta.url), { workerData: { path } });
  return new Promise((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
    thread.once('exit', () => reject(new Error('the thread ended without an answer')));
  });
}

function trying<T>(work: () => T, log: ProgressLog): T | undefined {
  try {
    return work();
  } catch (error) {
    tellFailed(error, log);
    return undefined;
  }
}

function tellFailed(error: unknown, log: ProgressLog): void {
  log.warn(`Temporal's database could not be compacted, and is used as it is: ${messageOf(error)}`);
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

async function stopServer(server: ServerProcess): Promise<void> {
  await server.stop([{ signal: 'SIGTERM', waitMs: 15_000 }]);
}

interface ChosenPorts {
  readonly port: number;
  readonly uiPort: number;
  readonly httpPort: number;
  readonly metricsPort: number;
}

async function choosePorts(
  { ports, givenPorts = {}, log }: TemporalOptions,
  remembered: HomeState,
): Promise<ChosenPorts> {
  const taken = [ports?.port, ports?.uiPort].filter((port) => port !== undefined);
  const choose = async (
    who: string,
    [part, variable]: readonly [keyof TemporalPorts, string],
    preferred: readonly (number | undefined)[] = [],
  ) => {
    const given = givenPorts[part];
    const port = await choosePort({ who, variable, given, preferred }, taken, log);
    taken.push(port);
    return port;
  };
  return {
    port:
      ports?.port ??
      (await choose(
        'Temporal',
        ['temporal', 'LONGSHORE_TEMPORAL_PORT'],
        [remembered.temporalPort, FIRST_CHOICE_PORT],
      )),
    uiPort:
      ports?.uiPort ??
      (await choose(
        "Temporal's Web UI",
        ['temporalUi', 'LONGSHORE_TEMPORAL_UI_PORT'],
        [remembered.temporalUiPort, FIRST_CHOICE_UI_PORT],
      )),
    httpPort: await choose("Temporal's HTTP API", ['temporalHttp', 'LONGSHORE_TEMPORAL_HTTP_PORT']),
    metricsPort: await choose("Temporal's metrics", ['temporalMetrics', 'LONGSHORE_TEMPORAL_METRICS_PORT']),
  };
}

/**
 * What the server keeps in memory of workflows, at most: by its own defaults that of 128,000 workflows and 256 MB of
 * events, and for an hour, which would grow for that long under a steady load.
 */
const CACHES: readonly string[] = [
  'history.hostLevelCacheMaxSize=2000',
  'history.cacheTTL="5m"',
  'history.eventsHostLevelCacheMaxSizeBytes=16777216',
  'history.eventsCacheTTL="5m"',
];

function serverArguments(
  options: ChosenPorts &
    Pick<TemporalOptions, 'codecEndpoint'> & { readonly database: string; readonly namespace: string },
): readonly string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--log-level', 'warn', '--ui-disable-news-fetch'],
    ...['--port', String(options.port), '--ui-port', String(options.uiPort)],
    ...['--http-port', String(options.httpPort), '--metrics-port', String(options.metricsPort)],
    ...['--namespace', options.namespace, '--db-filename', options.database],
    ...(options.codecEndpoint === undefined ? [] : ['--ui-codec-endpoint', options.codecEndpoint]),
    // Waiting activities take turns by the kind of their job (`workflows/policies.ts`).
    ...['--dynamic-config-value', 'matching.enableFairness=true'],
    // Turns are taken within a partition. Those of an earlier version are still read.
    ...['--dynamic-config-value', 'matching.numTaskqueueWritePartitions=1'],
    // Its HTTP API asks for no credential and takes what a web page may send; with no host allowed, it takes nothing.
    ...['--dynamic-config-value', 'frontend.httpAllowedHosts=[]'],
    ...CACHES.flatMap((setting) => ['--dynamic-config-value', setting]),
    // Together they double the server's throughput; a power cut may cost the last moments, a crash costs nothing.
    ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
    // Otherwise each of its writes that meets one of ours is an error in its log, and begins again.
    ...['--sqlite-pragma', 'busy_timeout=5000'],
    // Registered by the server as it starts, so that the first workflow never waits for them.
    ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
  ];
}

/** Ends the server that a killed run left behind: two on one database file would damage it. */
export async function stopOrphanedTemporal(
  pid: number | undefined,
  database: string,
  log: ProgressLog,
): Promise<void> {
  const isOurs = (candidate: number) => servesDatabase(candidate, database);
  if (pid === undefined || !isRunning(pid) || !isOurs(pid)) return;
  log.info(`Stopping the Temporal server that an earlier run left behind (process ${pid})`);
  const stopped = await stopForeign(
    pid,
    [
      { signal: 'SIGTERM', waitMs: 15_000 },
      { signal: 'SIGKILL', waitMs: 5_000 },
    ],
    isOurs,
  );
  if (!stopped) throw new Error(`the Temporal server of an earlier run (process ${pid}) does not end`);
}

function servesDatabase(pid: number, database: string): boolean {
  const command = commandLine(pid);
  return command !== null && `${command} `.includes(` --db-filename ${database} `);
}

async function waitForPort(port: number): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await portIsFree(port))) {
    if (Date.now() > deadline)
      throw new Error(`port ${port}, which Temporal had, is taken by another program`);
    await sleep(200);
  }
}

async function waitUntilReady(
  server: ServerProcess,
  address: string,
  namespace: string,
  logFile: string,
): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS;
  // Half of the modules of the supervisor: they load while the server starts, instead of before.
  await import('@temporalio/client');
  for (;;) {
    if (server.hasExited()) {
      throw new Error(`Temporal did not start; the end of ${logFile}:\n${await lastLines(logFile)}`);
    }
    if (isItself(server, address) && (await takesConnections(address))) {
      if (await knowsNamespace(address, namespace)) return;
    }
    if (Date.now() > deadline) throw new Error(`Temporal was not ready in time; see ${logFile}`);
    await sleep(50);
  }
}

/** Not another program's Temporal that was quicker to take the port. */
function isItself({ pid }: ServerProcess, address: string): boolean {
  return listensOn(pid, Number(address.split(':')[1])) ?? true;
}

/** Asked before gRPC, whose client would wait a second after a first connection that was refused. */
function takesConnections(address: string): Promise<boolean> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) })
      .once('connect', () => {
        socket.destroy();
        resolve(true);
      })
      .once('error', () => resolve(false));
  });
}

/** The port opens a moment before the namespace and its search attributes are there. */
async function knowsNamespace(address: string, namespace: string): Promise<boolean> {
  // Loaded by now, while the server started: see waitUntilReady.
  const { Connection } = await import('@temporalio/client');
  try {
    const connection = await Connection.connect({ address, connectTimeout: 2_000 });
    try {
      const answer = await connection.operatorService.listSearchAttributes({ namespace });
      return Object.keys(SEARCH_ATTRIBUTES).every((name) => name in answer.customAttributes);
    } finally {
      await connection.close();
    }
  } catch {
    return false;
  }
}
