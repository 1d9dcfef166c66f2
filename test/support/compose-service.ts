import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../src/platform/ports.ts';
import { type ComposeService, readComposeFile, secretsIn } from './compose-file.ts';
import { until } from './eventually.ts';
import type { Cleanup } from './home.ts';

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));

/** Where the services are that the Compose file calls by name, as host:port. */
export interface Addresses {
  readonly postgres: string;
  readonly temporal: string;
  readonly s3: string;
}

/** What runs in a container, elsewhere. */
export type Launch = (command: readonly string[], env: Readonly<Record<string, string>>) => ChildProcess;

export interface ComposeProcess {
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  /** Resolves when the health check of the Compose file says so. */
  healthy(): Promise<void>;
  /** As Compose stops it. @returns the exit code */
  stop(): Promise<number | null>;
  output(): string;
}

export interface ComposeProcessOptions {
  readonly at: Addresses;
  /** Folder of the secrets' files. */
  readonly secrets: string;
  /** Over what the Compose file says. */
  readonly env?: Readonly<Record<string, string>>;
  /** The command where the Compose file leaves it to the image. */
  readonly command: readonly string[];
  readonly launch?: Launch;
}

/**
 * Starts the API or a worker by the command, the environment and the secrets of the Compose file, but on loopback and
 * free ports, which its health check then asks.
 */
export async function startComposeProcess(
  t: Cleanup,
  name: 'api' | 'worker',
  options: ComposeProcessOptions,
): Promise<ComposeProcess> {
  const { at, secrets, launch = onThisMachine } = options;
  const service = readComposeFile().services[name]!;
  const port = await freePort();
  const env = {
    ...environmentAt(service, at, secrets),
    LONGSHORE_HOST: '127.0.0.1',
    [name === 'api' ? 'LONGSHORE_PORT' : 'LONGSHORE_METRICS_PORT']: String(port),
    ...options.env,
  };
  const child = launch((service.command as readonly string[] | undefined) ?? options.command, env);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
  }
  const closed = once(child, 'close') as Promise<[number | null]>;
  const isOver = () => child.exitCode !== null || child.signalCode !== null;
  const stop = async () => {
    child.kill('SIGTERM');
    return (await closed)[0];
  };
  t.after(async () => {
    if (!isOver()) await stop();
  });
  const check = service.healthcheck?.test
    .slice(1)
    .map((word) => word.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`));
  return {
    url: `http://127.0.0.1:${port}`,
    env,
    stop,
    output: () => said,
    async healthy() {
      const well = await until(
        async () => {
          if (isOver()) throw new Error(`${name} ended:\n${said}`);
          const [code] = await once(launch(check ?? [], env), 'close');
          return code === 0;
        },
        (one) => one,
      );
      if (!well) throw new Error(`${name} did not become healthy:\n${said}`);
    },
  };
}

/** A service's environment, with the services that it names where they are. */
function environmentAt(service: ComposeService, at: Addresses, secrets: string): Record<string, string> {
  const environment = Object.entries(secretsIn(secrets, service.environment));
  return Object.fromEntries(
    environment.map(([name, value]) => {
      let here = value;
      for (const [host, address] of Object.entries(at)) {
        here = here.replace(new RegExp(`(^|[@/])${host}:\\d+`), `$1${address}`);
      }
      return [name, here];
    }),
  );
}

function onThisMachine([program = '', ...args]: readonly string[], env: Readonly<Record<string, string>>) {
  return spawn(program === 'node' ? process.execPath : program, args, {
    cwd: CHECKOUT,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
