import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 400;
/** Of the time that was waited already: an end is seen this much too late at most. */
const PAUSE_SHARE = 1 / 50;

export interface Waiting<T> {
  read(): Promise<T>;
  readonly hasEnded: (seen: NoInfer<T>) => boolean;
  readonly waitMs: number;
  /** Aborted when the one who waits has gone. */
  readonly signal: AbortSignal;
}

/** Polls with growing pauses until it has ended or the wait is over. @returns what was read last */
export async function waitUntilEnded<T>({ read, hasEnded, waitMs, signal }: Waiting<T>): Promise<T> {
  const begunAt = performance.now();
  for (;;) {
    const seen = await read();
    const waited = performance.now() - begunAt;
    const left = waitMs - waited;
    if (hasEnded(seen) || left <= 0 || signal.aborted) return seen;
    const pauseMs = Math.min(Math.max(waited * PAUSE_SHARE, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
    await sleep(Math.min(pauseMs, left), undefined, { signal }).catch(() => undefined);
  }
}
