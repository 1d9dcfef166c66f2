import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readRun } from '../../src/platform/run-file.ts';
import { adminKeyPath } from '../../src/runtime/home.ts';
import { type Cleanup, testHome } from './home.ts';

/** `postgres`, `temporal`, `api`, `worker-1`, `worker-2` …, or `supervisor`. */
export type Role = 'supervisor' | 'postgres' | 'temporal' | 'api' | `worker-${number}`;

export interface TestPlatform {
  readonly home: string;
  readonly apiUrl: string;
  readonly adminKey: string;
  /** Process IDs by role, as they are now: a process that was started again has a new one. */
  pids(): Readonly<Partial<Record<Role, number>>>;
  /** kill -9. Resolves when the signal is sent; what happens next is what the test is about. */
  kill(role: Role): void;
  /** kill -9 of every process at once. */
  killAll(): Promise<void>;
  /** What Ctrl-C does. Resolves with the exit code. */
  stop(): Promise<number | null>;
  /** What the supervisor has said so far. */
  output(): string;
  /** The supervisor's lines up to the first one with a text, once it has said that. */
  said(text: string): Promise<string[]>;
}

export interface TestPlatformOptions {
  /** A home that an earlier platform of this test used; a new one by default. */
  readonly home?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The folder in which it is started; the test's own by default. */
  readonly cwd?: string;
  /** Whether a first start loads the bundled sample; `false` by default. */
  readonly sample?: boolean;
}

const START_TS = fileURLToPath(new URL('../../src/cli/start.ts', import.meta.url));
const READY_LIMIT_MS = 180_000;

/**
 * The whole platform as a black box, on free ports, in a home of its own, without the sample. Stopped when its
 * home is removed, at the end of the test; if the test process itself is killed, the supervisor sees that and stops everything.
 */
export async function testPlatform(t: Cleanup, options: TestPlatformOptions = {}): Promise<TestPlatform> {
  const home = options.home ?? (await testHome(t));
  const supervisor = spawn(process.execPath, options.sample ? [START_TS] : [START_TS, '--no-sample'], {
    cwd: options.cwd,
    env: {
      ...cleanEnvironment(),
      LONGSHORE_HOME: home,
      LONGSHORE_PORT: '0',
      LONGSHORE_WORKERS: '2',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let said = '';
  supervisor.stdout?.on('data', (text) => {
    said += text;
  });
  supervisor.stderr?.on('data', (text) => {
    said += text;
  });
  const exited = new Promise<number | null>((resolve) => supervisor.once('exit', resolve));
  const stop = () => {
    supervisor.kill('SIGINT');
    return exited;
  };

  const apiUrl = await waitUntilUp(supervisor, home, () => said);
  const pids = (): Record<string, number> =>
    Object.fromEntries(Object.entries(readRun(home)?.processes ?? {}).map(([role, { pid }]) => [role, pid]));
  const kill = (role: string) => {
    const pid = pids()[role];
    if (pid === undefined)
      throw new Error(`there is no ${role}; there are ${Object.keys(pids()).join(', ')}`);
    killIfAlive(pid);
  };
  return {
    home,
    apiUrl,
    adminKey: options.env?.LONGSHORE_ADMIN_KEY ?? readFileSync(adminKeyPath(home), 'utf8').trim(),
    pids,
    kill,
    async killAll() {
      killEverything(pids());
      await exited;
    },
    stop,
    output: () => said,
    async said(text) {
      const deadline = Date.now() + READY_LIMIT_MS;
      while (!said.includes(text)) {
        if (supervisor.exitCode !== null || supervisor.signalCode !== null || Date.now() > deadline)
          throw new Error(`the platform did not say ${text}:\n${said}`);
        await sleep(50);
      }
      const lines = said.split('\n');
      return lines.slice(0, lines.findIndex((line) => line.includes(text)) + 1);
    },
  };
}

/** kill -9 of every process of a platform, by role. */
export function killEverything(pids: Readonly<Record<string, number>>): void {
  const { supervisor, ...others } = pids;
  if (supervisor === undefined) throw new Error('there is no supervisor to kill');
  // The supervisor first: it would start the others again.
  process.kill(supervisor, 'SIGKILL');
  for (const pid of Object.values(others)) killIfAlive(pid);
}

/** Dead already, as wanted: it saw another one die, or had not come back from an earlier fault. */
function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function waitUntilUp(supervisor: ChildProcess, home: string, output: () => string): Promise<string> {
  const deadline = Date.now() + READY_LIMIT_MS;
  for (;;) {
    if (supervisor.exitCode !== null || supervisor.signalCode !== null) {
      throw new Error(`the platform did not start:\n${output()}`);
    }
    const run = readRun(home);
    if (run?.apiUrl !== undefined && run.processes.supervisor?.pid === supervisor.pid) return run.apiUrl;
    if (Date.now() > deadline) throw new Error(`the platform was not up in time:\n${output()}`);
    await sleep(100);
  }
}

/** What the machine's own settings of Longshore would change about the test. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(LONGSHORE_|TEMPORAL_|DATABASE_|NODE_TEST_CONTEXT$)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}
