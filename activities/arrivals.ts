import { Context } from '@temporalio/activity';
import { type BeginFileDeps, beginFile } from '../src/arrivals/begin-file.ts';
import { type Looked, lookAtArrival } from '../src/arrivals/look.ts';
import { settleFile as settle } from '../src/arrivals/settle-file.ts';
import { takeFiles } from '../src/arrivals/take-files.ts';
import { attemptDatabase } from './attempt-database.ts';
import type { ActivityDeps } from './deps.ts';
import { failing } from './failures.ts';
import { whileBeating } from './heartbeats.ts';

interface OfArrival {
  readonly arrivalId: string;
}

interface OfFile {
  readonly fileId: number;
}

/** Activities of arrivals that run beside the workflows. Each is idempotent. */
export function createArrivalActivities(given: BeginFileDeps) {
  const deps = { ...given, db: attemptDatabase(given.db) };
  return {
    /** @returns when the next look is due */
    lookThrough: failing(({ arrivalId }: OfArrival): Promise<Looked> => lookAtArrival(deps, arrivalId, beat)),
    takeFiles: failing(async ({ arrivalId }: OfArrival) => ({
      taken: await takeFiles(deps, arrivalId, beat),
    })),
    beginFile: failing(async ({ fileId }: OfFile) => ({ loading: await beginFile(deps, fileId) })),
  };
}

function beat(done: number): void {
  const context = Context.current();
  context.heartbeat({ done });
  context.cancellationSignal.throwIfAborted();
}

/** Brings a file to its end, on a worker: it may be copied. @returns whether its load has ended */
export function settleFile({ db, storage }: ActivityDeps) {
  return ({ fileId }: OfFile): Promise<boolean> =>
    whileBeating(
      () => ({ fileId }),
      () => settle({ db, storage }, fileId),
    );
}

export type ArrivalActivities = ReturnType<typeof createArrivalActivities>;
