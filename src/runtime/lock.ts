import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { LongshoreError } from '../errors.ts';
import { isRunning, startMark } from './processes.ts';

/** One process for good: its ID alone may later belong to another. */
export const processMark = z.object({ pid: z.number().int().positive(), startMark: z.string() });
export type ProcessMark = Readonly<z.infer<typeof processMark>>;

export function markOf(pid: number): ProcessMark {
  return { pid, startMark: startMark(pid) ?? 'unknown' };
}

export function isStillRunning(mark: ProcessMark): boolean {
  return isRunning(mark.pid) && startMark(mark.pid) === mark.startMark;
}

/**
 * Makes this process the only supervisor of a home.
 * @returns a function that gives the lock back
 * @throws LongshoreError `config-invalid`, naming the process that has it
 */
export function lockHome(home: string): () => void {
  const path = join(home, 'lock');
  const own = JSON.stringify(markOf(process.pid));
  const part = `${path}.${process.pid}`;
  writeFileSync(part, own, { mode: 0o644 });
  try {
    for (;;) {
      try {
        linkSync(part, path); // fails when there is a lock; whole from its first moment, unlike an opened file
        return () => release(path, own);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const found = read(path);
      if (found === null) continue;
      const holder = parse(found);
      if (holder !== null && isStillRunning(holder)) {
        throw new LongshoreError(
          'config-invalid',
          `LONGSHORE_HOME: ${home} is in use by Longshore, process ${holder.pid}; ` +
            'stop that one, or set another LONGSHORE_HOME (and LONGSHORE_PORT)',
        );
      }
      breakStale(path, found);
    }
  } finally {
    rmSync(part, { force: true });
  }
}

/**
 * Takes a dead process's lock away. Between our look and the rename another start may have done so and put its own
 * lock there: then that one goes back where it was.
 */
function breakStale(path: string, stale: string): void {
  const aside = `${path}.stale-${process.pid}`;
  try {
    renameSync(path, aside);
    if (read(aside) !== stale) linkSync(aside, path);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function release(path: string, own: string): void {
  if (read(path) === own) rmSync(path, { force: true });
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function parse(text: string): ProcessMark | null {
  try {
    return processMark.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
