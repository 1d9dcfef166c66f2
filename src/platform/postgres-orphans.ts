import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ProgressLog } from '../runtime/logger.ts';
import { commandLine, exists, isRunning, processesWorkingIn, stopForeign } from '../runtime/processes.ts';

/** The content of `postmaster.pid`; its lines are defined in PostgreSQL's `miscadmin.h`. */
export interface PostmasterFile {
  readonly pid: number;
  readonly port: number;
  /** `starting`, `ready`, `stopping`, … ; empty in the first moments. */
  readonly status: string;
}

export function readPostmasterFile(data: string): PostmasterFile | null {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    const pid = Number.parseInt(lines[0] ?? '', 10);
    if (!Number.isInteger(pid) || pid <= 0) return null;
    return { pid, port: Number.parseInt(lines[3] ?? '', 10), status: (lines[7] ?? '').trim() };
  } catch {
    return null;
  }
}

/** True when the process is a PostgreSQL server started on this data directory. */
function servesData(pid: number, data: string): boolean {
  const command = commandLine(pid);
  return command !== null && `${command} `.includes(` -D ${data} `);
}

/**
 * Ends what a killed run left behind on a data directory: its server, the backends of a server that was killed
 * itself (they hold its shared memory, and a new server refuses to start beside them), and a `postmaster.pid`
 * whose process ID belongs to somebody else now, or to a zombie, which would stop the new server too.
 *
 * Only processes that are provably this directory's are signalled: a server by its command line, a backend by its
 * working directory.
 */
export async function stopOrphanedPostgres(data: string, log: ProgressLog): Promise<void> {
  const file = readPostmasterFile(data);
  if (file !== null && isRunning(file.pid) && servesData(file.pid, data)) {
    log.info(`Stopping the PostgreSQL server that an earlier run left behind (process ${file.pid})`);
    await stopForeign(
      file.pid,
      [
        { signal: 'SIGINT', waitMs: 30_000 },
        { signal: 'SIGQUIT', waitMs: 10_000 },
        { signal: 'SIGKILL', waitMs: 5_000 },
      ],
      (pid) => servesData(pid, data),
    );
  }
  const inData = (pid: number) => processesWorkingIn(data).includes(pid);
  await Promise.all(
    processesWorkingIn(data)
      .filter(isBackend)
      .map((pid) =>
        stopForeign(
          pid,
          [
            { signal: 'SIGQUIT', waitMs: 3_000 },
            { signal: 'SIGKILL', waitMs: 5_000 },
          ],
          inData,
        ),
      ),
  );
  const left = readPostmasterFile(data);
  if (left === null || !exists(left.pid) || (isRunning(left.pid) && servesData(left.pid, data))) return;
  if (process.platform === 'linux' && !processesWorkingIn(data).some(isBackend)) {
    rmSync(join(data, 'postmaster.pid'), { force: true });
  }
}

/** A shell that somebody has opened in the data directory works there too, but does not bear this title. */
function isBackend(pid: number): boolean {
  return commandLine(pid)?.startsWith('postgres: ') ?? false;
}
