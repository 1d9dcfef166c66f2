import { setTimeout as sleep } from 'node:timers/promises';
import { hasEnded, type JobView } from '../jobs/job.ts';
import { shorten } from '../shorten.ts';
import { UnreachableError } from './api-client.ts';
import { CliError, EXIT } from './exit-codes.ts';
import { plain } from './format.ts';
import type { Progress } from './progress.ts';
import type { Session } from './session.ts';

const POLL_MS = 400;
/** Of an error that is being retried; a line of a terminal has room for more than that. */
const REASON_LENGTH = 60;
/** How long the platform may be away, say for a restart, before waiting ends. The job itself goes on. */
const PATIENCE_MS = 60_000;

/** What is watched: a load, a backup. */
export interface Job<T> {
  /** `load 5` */
  readonly label: string;
  /** Where it is read again. */
  readonly self: string;
  show(progress: Progress, state: T): void;
  /** How to go on when watching it ends before it does. */
  readonly afterwards: string;
}

/**
 * Shows how a job is doing until it has ended.
 * @throws CliError `interrupted` at Ctrl-C, saying how to go on: the job itself does
 */
export async function watch<T extends Pick<JobView, 'status' | 'waitingFor'>>(
  session: Session,
  first: T,
  job: Job<T>,
): Promise<T> {
  const progress = await session.progress(job.label);
  let state = first;
  let seenAtMs = performance.now();
  try {
    while (!hasEnded(state)) {
      job.show(retrying(progress, state), state);
      await sleep(POLL_MS, undefined, { signal: session.signal });
      try {
        state = await session.api.json<T>(job.self, { signal: session.signal });
        seenAtMs = performance.now();
      } catch (error) {
        if (!(error instanceof UnreachableError) || performance.now() - seenAtMs > PATIENCE_MS) throw error;
      }
    }
    job.show(progress, state);
    return state;
  } catch (error) {
    if (!session.signal.aborted) throw error;
    throw new CliError(EXIT.interrupted, `${job.label} goes on; ${job.afterwards}`);
  } finally {
    progress.stop();
  }
}

/** Progress that says which error the job is retrying on, too. */
function retrying(progress: Progress, { waitingFor }: Pick<JobView, 'waitingFor'>): Progress {
  if (!waitingFor) return progress;
  const reason = shorten(plain(waitingFor.message), REASON_LENGTH);
  return {
    update: (value, total, text) => progress.update(value, total, `${text}, retries: ${reason}`),
    stop: () => progress.stop(),
  };
}
