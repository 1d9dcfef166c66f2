import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../runtime/home.ts';
import { isStillRunning, markOf, processMark } from '../runtime/lock.ts';
import type { ProgressLog } from '../runtime/logger.ts';
import { commandLine, stopForeign } from '../runtime/processes.ts';

/** The processes of the run that is under way in a home, or of one that was killed. */
const runSchema = z.object({
  apiUrl: z.string().optional(),
  temporalUiUrl: z.string().optional(),
  /** By role: `supervisor`, `postgres`, `temporal`, `api`, `worker-1` … */
  processes: z.record(z.string(), processMark),
});

export type RunRecord = Readonly<z.infer<typeof runSchema>>;

/** What runs in a home now, or ran there when it was killed; null when there is nothing. */
export function readRun(home: string): RunRecord | null {
  try {
    return runSchema.parse(JSON.parse(readFileSync(runPath(home), 'utf8')));
  } catch {
    return null;
  }
}

/** Keeps `run.json` up to date while a platform runs: people, tests and the next start read it. */
export class RunFile {
  readonly #home: string;
  #record: RunRecord;

  constructor(home: string) {
    this.#home = home;
    this.#record = { processes: { supervisor: markOf(process.pid) } };
  }

  started(role: string, pid: number): void {
    this.#change({ processes: { ...this.#record.processes, [role]: markOf(pid) } });
  }

  addresses(urls: Pick<RunRecord, 'apiUrl' | 'temporalUiUrl'>): void {
    this.#change(urls);
  }

  remove(): void {
    rmSync(runPath(this.#home), { force: true });
  }

  #change(change: Partial<RunRecord>): void {
    this.#record = { ...this.#record, ...change };
    writeFileAtomically(runPath(this.#home), `${JSON.stringify(this.#record, null, 2)}\n`, 0o644);
  }
}

/**
 * Node children of a supervisor that was killed end by themselves, but a busy one may take a moment, and until then
 * the API's port is taken. (The servers have orphan handling of their own.)
 */
export async function stopOrphanedChildren(home: string, log: ProgressLog): Promise<void> {
  const left = Object.entries(readRun(home)?.processes ?? {}).filter(([role]) => isNodeChild(role));
  await Promise.all(
    left.map(async ([role, mark]) => {
      const isOurs = () => isStillRunning(mark) && (commandLine(mark.pid)?.includes(`--as=${role}`) ?? false);
      if (!isOurs()) return;
      log.info(`Stopping the ${role} process that an earlier run left behind (process ${mark.pid})`);
      await stopForeign(
        mark.pid,
        [
          { signal: 'SIGTERM', waitMs: 5_000 },
          { signal: 'SIGKILL', waitMs: 5_000 },
        ],
        isOurs,
      );
    }),
  );
}

function isNodeChild(role: string): boolean {
  return role === 'api' || role.startsWith('worker-');
}

function runPath(home: string): string {
  return join(home, 'run.json');
}
