import { fileURLToPath } from 'node:url';
import { type Config, GRACE_SECONDS } from '../config.ts';
import { mostConnections } from '../db/connections.ts';
import { LongshoreError } from '../errors.ts';
import { childEnvironment } from '../runtime/environment.ts';
import { ensureHome, logPath } from '../runtime/home.ts';
import { isStillRunning, lockHome } from '../runtime/lock.ts';
import type { ProgressLog } from '../runtime/logger.ts';
import { keepLogsShort } from '../runtime/rotate-log.ts';
import { ensurePayloadKey } from '../seal/payload-keys.ts';
import { type StartFault, StartRefused } from '../start-faults.ts';
import { isGuarded } from '../temporal-access.ts';
import { type Keepable, Keeper } from './keeper.ts';
import { type NodeChild, startNodeChild } from './node-child.ts';
import { freePort, portIsFree } from './ports.ts';
import { startPostgres } from './postgres.ts';
import { RunFile, type RunRecord, readRun, stopOrphanedChildren } from './run-file.ts';
import { startTemporal } from './temporal.ts';

/**
 * The supervisor: one home, one platform.
 *
 *   lock → PostgreSQL, Temporal → API (schema migrations, HTTP, workflows) → N activity workers
 *
 * Each is kept running until `stop`, which takes them down in the opposite order: a worker hands its activities
 * back while Temporal still listens, and PostgreSQL goes last, when nobody writes any more.
 */

/** A worker that loads holds a chunk or two as buffers besides its heap; all stay below 400 MB resident. */
const API_HEAP_MB = 224;
const WORKER_HEAP_MB = 176;
/** Beyond the drain and the grace, for what a process does besides when it stops. */
const WORKER_STOP_LIMIT_MS = 10_000;
const API_STOP_LIMIT_MS = 20_000;
/** Of the API unless configured: there is no load balancer, and when it stops no worker runs that a wait could wait for. */
const API_DRAIN_SECONDS = 0;
const API_GRACE_SECONDS = 10;

/** In the embedded Temporal unless configured: some 100 MB of its database. */
const KEPT_GROUPS = 10_000;

/** Connections of the embedded PostgreSQL beside those of the platform: psql and the like, and a process that is replaced. */
const CONNECTIONS_OF_OTHERS = 30;
const LEAST_CONNECTIONS = 100;

export interface PlatformOptions {
  readonly config: Config;
  readonly log: ProgressLog;
  /** What the API and the workers get of, besides what the platform resolves; the process's own by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** Scripts to run as the children; the product's own by default. */
  readonly scripts?: { readonly api: string; readonly worker: string };
}

export interface PlatformUrls {
  readonly apiUrl: string;
  /** null when the Temporal server is somebody else's. */
  readonly temporalUiUrl: string | null;
}

const PRODUCT_SCRIPTS = {
  api: fileURLToPath(new URL('../../api/main.ts', import.meta.url)),
  worker: fileURLToPath(new URL('../../activities/main.ts', import.meta.url)),
};

export class Platform {
  readonly #options: PlatformOptions;
  readonly #runFile: RunFile;
  /** In the order in which they were started. */
  readonly #keepers: Keeper<Keepable>[] = [];
  #env: NodeJS.ProcessEnv;
  #unlock: (() => void) | undefined;
  #letLogsGrow: (() => void) | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: PlatformOptions) {
    this.#options = options;
    this.#runFile = new RunFile(options.config.home);
    this.#env = { ...(options.env ?? process.env), LONGSHORE_HOME: options.config.home };
  }

  /**
   * Resolves when the API and every worker are ready. When it rejects, `stop` still has to be called: what was
   * started before the failure runs.
   */
  async start(): Promise<PlatformUrls> {
    const { config, log } = this.#options;
    if (config.temporalAddress === undefined && isGuarded(config.temporalAccess)) {
      throw new LongshoreError(
        'config-invalid',
        'TEMPORAL_ADDRESS: unset, while TLS, an API key or headers are set for Temporal; the embedded server has none of them',
      );
    }
    const { logs } = await ensureHome(config.home);
    this.#unlock = lockHome(config.home);
    this.#letLogsGrow = keepLogsShort(logs, log);
    ensurePayloadKey(config);
    const left = readRun(config.home);
    await stopOrphanedChildren(config.home, log);
    await this.#checkPorts(left);
    await this.#choosePort();
    const [, temporalUiUrl] = await Promise.all([this.#startPostgres(), this.#startTemporal()]);
    const apiUrl = await this.#startApi();
    await Promise.all(Array.from({ length: config.workers }, (_, index) => this.#startWorker(index + 1)));
    this.#runFile.addresses({ apiUrl, temporalUiUrl: temporalUiUrl ?? undefined });
    return { apiUrl, temporalUiUrl };
  }

  /** Stops what runs, workers first. Safe to call at any time, also while `start` is under way, and more than once. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    const named = (test: (name: string) => boolean) =>
      Promise.all(this.#keepers.filter((keeper) => test(keeper.name)).map((keeper) => keeper.stop()));
    await named((name) => name.startsWith('worker-'));
    await named((name) => name === 'api');
    await named((name) => name === 'Temporal');
    await named((name) => name === 'PostgreSQL');
    this.#letLogsGrow?.();
    if (this.#unlock === undefined) return;
    this.#runFile.remove();
    this.#unlock();
  }

  async #startPostgres(): Promise<void> {
    const { config, log } = this.#options;
    if (config.databaseUrl !== undefined) return;
    log.info('Starting PostgreSQL');
    let port: number | undefined;
    const connections = mostConnections({ apis: 1, workers: config.workers }) + CONNECTIONS_OF_OTHERS;
    const settings = { max_connections: String(Math.max(LEAST_CONNECTIONS, connections)) };
    const postgres = await this.#keep('PostgreSQL', 'postgres', () =>
      startPostgres({ home: config.home, log, port, givenPort: config.serverPorts.postgres, settings }),
    );
    port = postgres.port;
    this.#env = { ...this.#env, DATABASE_URL: postgres.url };
  }

  async #startTemporal(): Promise<string | null> {
    const { config, log } = this.#options;
    if (config.temporalAddress !== undefined) return null;
    log.info('Starting Temporal');
    let ports: { port: number; uiPort: number } | undefined;
    const temporal = await this.#keep('Temporal', 'temporal', (signal) =>
      startTemporal({
        home: config.home,
        log,
        namespace: config.temporalNamespace,
        codecEndpoint: this.#codecEndpoint(),
        ports,
        givenPorts: config.serverPorts,
        provision: { signal, program: config.temporalCli },
      }),
    );
    ports = { port: temporal.port, uiPort: temporal.uiPort };
    this.#env = { ...this.#env, TEMPORAL_ADDRESS: temporal.address, TEMPORAL_UI_URL: temporal.uiUrl };
    return temporal.uiUrl;
  }

  async #startApi(): Promise<string> {
    this.#options.log.info('Starting the API and the workflow worker');
    const script = (this.#options.scripts ?? PRODUCT_SCRIPTS).api;
    const {
      drainSeconds = API_DRAIN_SECONDS,
      graceSeconds = API_GRACE_SECONDS,
      temporalAddress,
      keptGroups = temporalAddress === undefined ? KEPT_GROUPS : 0,
    } = this.#options.config;
    const limitMs = (drainSeconds + graceSeconds) * 1000 + API_STOP_LIMIT_MS;
    const defaults = {
      LONGSHORE_DRAIN_SECONDS: String(drainSeconds),
      LONGSHORE_GRACE_SECONDS: String(graceSeconds),
      LONGSHORE_KEPT_GROUPS: String(keptGroups),
    };
    const start = (signal: AbortSignal) =>
      this.#startChild('api', script, API_HEAP_MB, limitMs, signal, defaults);
    let port: string | undefined;
    const api = await this.#keep('api', 'api', (signal) =>
      start(signal).catch(async (error) => {
        // Another platform that starts just now may have taken the port.
        if (port !== undefined || !(await this.#choosePort())) throw error;
        return start(signal);
      }),
    );
    const url = String(api.info.url);
    // With LONGSHORE_PORT=0 the system chose; after a restart clients find the API where it was.
    port = new URL(url).port;
    this.#env = { ...this.#env, LONGSHORE_PORT: port };
    return url;
  }

  async #startWorker(number: number): Promise<void> {
    const script = (this.#options.scripts ?? PRODUCT_SCRIPTS).worker;
    if (number === 1) this.#options.log.info(`Starting activity workers: ${this.#options.config.workers}`);
    const name = `worker-${number}`;
    const limitMs = (this.#options.config.graceSeconds ?? GRACE_SECONDS) * 1000 + WORKER_STOP_LIMIT_MS;
    await this.#keep(name, name, (signal) =>
      this.#startChild(name, script, WORKER_HEAP_MB, limitMs, signal, this.#metricsPort(number)),
    );
  }

  /** Address of the codec for the Web UI where payloads are encrypted; unset while the API's port is not known. */
  #codecEndpoint(): string | undefined {
    const { host, payloadMode, port: configured } = this.#options.config;
    const port = Number(this.#env.LONGSHORE_PORT || configured);
    if (payloadMode !== 'encrypted' || port === 0) return undefined;
    // The browser is on this machine, as the Web UI listens nowhere else.
    const reached = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host;
    return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}/codec`;
  }

  #metricsPort(number: number): NodeJS.ProcessEnv {
    const { metricsPort } = this.#options.config;
    return metricsPort === undefined ? {} : { LONGSHORE_METRICS_PORT: String(metricsPort + number - 1) };
  }

  #startChild(
    name: string,
    script: string,
    heapMb: number,
    stopLimitMs: number,
    signal: AbortSignal,
    env: NodeJS.ProcessEnv = {},
  ): Promise<NodeChild> {
    const { config, log } = this.#options;
    const logFile = logPath(config.home, name);
    const role = name === 'api' ? 'api' : 'worker';
    return startNodeChild(
      {
        name,
        script,
        env: { ...childEnvironment(this.#env, role), ...env },
        logFile,
        log,
        heapMb,
        stopLimitMs,
      },
      signal,
    );
  }

  async #keep<T extends Keepable>(
    name: string,
    role: string,
    start: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#stopping !== undefined) throw new Error('stopped while starting');
    const launch = async (signal: AbortSignal) => {
      const started = await start(signal);
      this.#runFile.started(role, started.pid);
      return started;
    };
    const keeper = new Keeper(name, launch, this.#options.log);
    this.#keepers.push(keeper);
    return keeper.start();
  }

  /**
   * Looks at every port that is given before anything is started, and tells all that are taken. Those of servers which an
   * earlier run left behind will be free.
   */
  async #checkPorts(left: RunRecord | null): Promise<void> {
    const { host, port, portIsGiven, serverPorts, metricsPort, workers, databaseUrl, temporalAddress } =
      this.#options.config;
    const isLeft = (role: string) => {
      const mark = left?.processes[role];
      return mark !== undefined && isStillRunning(mark);
    };
    const postgres = databaseUrl === undefined && !isLeft('postgres');
    const temporal = temporalAddress === undefined && !isLeft('temporal');
    const wanted: (readonly [string, number | undefined, string])[] = [
      ...(portIsGiven && port !== 0 ? [['LONGSHORE_PORT', port, host] as const] : []),
      ...(postgres ? [['LONGSHORE_POSTGRES_PORT', serverPorts.postgres, '127.0.0.1'] as const] : []),
      ...(temporal
        ? ([
            ['LONGSHORE_TEMPORAL_PORT', serverPorts.temporal, '127.0.0.1'],
            ['LONGSHORE_TEMPORAL_UI_PORT', serverPorts.temporalUi, '127.0.0.1'],
            ['LONGSHORE_TEMPORAL_HTTP_PORT', serverPorts.temporalHttp, '127.0.0.1'],
            ['LONGSHORE_TEMPORAL_METRICS_PORT', serverPorts.temporalMetrics, '127.0.0.1'],
          ] as const)
        : []),
      ...(metricsPort === undefined
        ? []
        : Array.from(
            { length: workers },
            (_, n) => ['LONGSHORE_METRICS_PORT', metricsPort + n, host] as const,
          )),
    ];
    const faults: StartFault[] = [];
    for (const [variable, one, at] of wanted) {
      if (one === undefined || (await portIsFree(one, at))) continue;
      const detail =
        `${variable}: another program uses ${at}:${one}; stop it, or choose another port` +
        (variable === 'LONGSHORE_PORT' ? `, as in LONGSHORE_PORT=${one + 1} npm start` : '');
      faults.push({ code: 'config-invalid', detail });
    }
    if (faults.length > 0) throw new StartRefused(faults);
  }

  /**
   * Takes another port for the API where its default one is not free.
   * @returns whether the API has another port than before, as another program uses that one
   */
  async #choosePort(): Promise<boolean> {
    const { config, log } = this.#options;
    const { host, portIsGiven } = config;
    const port = Number(this.#env.LONGSHORE_PORT || config.port);
    if (port === 0 || (await portIsFree(port, host))) return false;
    if (portIsGiven) {
      throw new LongshoreError(
        'config-invalid',
        `LONGSHORE_PORT: another program uses ${host}:${port}; stop it, or choose another port, as in ` +
          `LONGSHORE_PORT=${port + 1} npm start`,
      );
    }
    const other = await freePort([port + 1, port + 2, port + 3], [], host);
    log.info(`The API takes port ${other}: another program uses ${port} (LONGSHORE_PORT sets one)`);
    this.#env = { ...this.#env, LONGSHORE_PORT: String(other) };
    return true;
  }
}
