import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverEnvironment } from '../runtime/environment.ts';
import { rotateLog } from '../runtime/rotate-log.ts';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A server program that we started and that writes to a log file of its own. */
export interface ServerProcess {
  readonly pid: number;
  /** Resolves, never rejects, when the process has ended. */
  readonly exited: Promise<Exit>;
  readonly hasExited: () => boolean;
  /** Sends each signal in turn until the process has ended, at last SIGKILL. */
  stop(signals: readonly { readonly signal: NodeJS.Signals; readonly waitMs: number }[]): Promise<Exit>;
}

/**
 * Starts a program in a session of its own: Ctrl-C in the terminal reaches only the supervisor, which then stops
 * its servers in the right order.
 */
export async function startServer(
  program: string,
  args: readonly string[],
  logFile: string,
  options: Pick<SpawnOptions, 'uid' | 'gid' | 'cwd' | 'env'> = {},
): Promise<ServerProcess> {
  const log = openLog(logFile);
  const child = spawn(program, args, {
    env: serverEnvironment(),
    ...options,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  return watch(child);
}

function watch(child: ChildProcess): ServerProcess {
  const exited = new Promise<Exit>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  );
  return {
    pid: child.pid as number,
    exited,
    hasExited: () => child.exitCode !== null || child.signalCode !== null,
    async stop(signals) {
      for (const { signal, waitMs } of signals) {
        child.kill(signal);
        const timeout = new AbortController();
        const ended = await Promise.race([
          exited.then(() => true),
          sleep(waitMs, false, { signal: timeout.signal }),
        ]);
        timeout.abort();
        if (ended) return exited;
      }
      child.kill('SIGKILL');
      return exited;
    },
  };
}

/**
 * Opens a log for appending, putting aside one that has grown large; `keepLogsShort` does the same while its process
 * runs. The caller closes the descriptor.
 */
export function openLog(path: string): number {
  rotateLog(path);
  return openSync(path, 'a', 0o600);
}

/** The last lines of a log, for an error message. */
export async function lastLines(path: string, lines = 8): Promise<string> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.min(size, 8192));
    await file.read(bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}
