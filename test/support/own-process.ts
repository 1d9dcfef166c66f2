import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './eventually.ts';
import type { Cleanup } from './home.ts';
import { cleanEnvironment } from './platform.ts';

const SCRIPTS = {
  api: fileURLToPath(new URL('../../api/main.ts', import.meta.url)),
  worker: fileURLToPath(new URL('../../activities/main.ts', import.meta.url)),
};

/** An API or a worker that is started on its own, as on servers of one's own: again and again at the same port. */
export interface OwnProcess {
  /** Of the API, or of a worker's probes and metrics. */
  readonly url: string;
  /** Resolves when `/readyz` says 200. */
  start(): Promise<void>;
  /** SIGTERM, and its end. @returns the exit code */
  stop(): Promise<number | null>;
  /** kill -9, and its end. */
  kill(): Promise<void>;
  /** Of all its lives. */
  log(): string;
}

export function ownProcess(t: Cleanup, { kind, name, port, folder, env }: OwnProcessOptions): OwnProcess {
  const url = `http://127.0.0.1:${port}`;
  const logFile = join(folder, `${name}.log`);
  let child: ChildProcess | undefined;
  let ended: Promise<unknown> | undefined;
  const end = async (signal: NodeJS.Signals) => {
    child?.kill(signal);
    await ended;
    return child?.exitCode ?? null;
  };
  const isOver = () => child === undefined || child.exitCode !== null || child.signalCode !== null;
  t.after(async () => {
    if (!isOver()) await end('SIGKILL');
  });
  return {
    url,
    log: () => readFileSync(logFile, 'utf8'),
    async start() {
      const log = openSync(logFile, 'a');
      child = spawn(process.execPath, [SCRIPTS[kind]], {
        env: {
          ...cleanEnvironment(),
          LONGSHORE_HOME: join(folder, name),
          [kind === 'api' ? 'LONGSHORE_PORT' : 'LONGSHORE_METRICS_PORT']: String(port),
          ...env,
        },
        stdio: ['ignore', log, log],
      });
      closeSync(log);
      ended = once(child, 'exit');
      const status = () =>
        fetch(`${url}/readyz`).then(
          (answer) => answer.status,
          () => {
            if (isOver()) throw new Error(`${name} ended:\n${readFileSync(logFile, 'utf8').slice(-4_000)}`);
            return null;
          },
        );
      if ((await until(status, (seen) => seen === 200)) !== 200) throw new Error(`${name} did not start`);
    },
    stop: () => end('SIGTERM'),
    async kill() {
      await end('SIGKILL');
    },
  };
}

export interface OwnProcessOptions {
  readonly kind: keyof typeof SCRIPTS;
  readonly name: string;
  readonly port: number;
  /** For its home and its log. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}
