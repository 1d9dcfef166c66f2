import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Processes that this one did not start: servers left over by a run that was killed. A process ID proves nothing
 * (the system gives it to another process later), so whoever stops one first looks at its command line.
 */

/** True while the process ID is in use, also by a zombie, whose parent has not reaped it yet. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** True while the process exists and is not a zombie. */
export function isRunning(pid: number): boolean {
  return exists(pid) && processStat(pid)?.state !== 'Z';
}

/** The command line, parts joined by blanks; null when there is no such process or it may not be seen. */
export function commandLine(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() || null;
  } catch {
    if (process.platform === 'linux') return null;
    return psField(pid, 'command');
  }
}

/**
 * When the process started, in a form that is only good for comparing: together with the process ID it names one
 * process for good.
 */
export function startMark(pid: number): string | null {
  return processStat(pid)?.startTicks ?? (process.platform === 'linux' ? null : psField(pid, 'lstart'));
}

/** Processes whose working directory is `folder`: how PostgreSQL's backends show whose they are (Linux only). */
export function processesWorkingIn(folder: string): readonly number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === folder && processStat(pid)?.state !== 'Z';
      } catch {
        return false; // ended in the meantime, or another user's
      }
    });
}

/**
 * Sends each signal in turn until the process has ended, waiting `waitMs` after each.
 * `isOurs` is asked again before every signal: the ID may have found a new owner while we waited.
 * @returns false when it still runs after the last signal
 */
export async function stopForeign(
  pid: number,
  signals: readonly { readonly signal: NodeJS.Signals; readonly waitMs: number }[],
  isOurs: (pid: number) => boolean,
): Promise<boolean> {
  for (const { signal, waitMs } of signals) {
    if (!isRunning(pid) || !isOurs(pid)) return true;
    try {
      process.kill(pid, signal);
    } catch {
      return !isRunning(pid);
    }
    const deadline = Date.now() + waitMs;
    while (Date.now() < deadline) {
      if (!isRunning(pid)) return true;
      await sleep(50);
    }
  }
  return !isRunning(pid) || !isOurs(pid);
}

function processStat(pid: number): { state: string; startTicks: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses, which may itself hold blanks and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '?', startTicks: fields[19] ?? '?' };
  } catch {
    return null;
  }
}

function psField(pid: number, field: string): string | null {
  try {
    return execFileSync('ps', ['-o', `${field}=`, '-p', String(pid)], { encoding: 'utf8' }).trim() || null;
  } catch {
    return null;
  }
}
