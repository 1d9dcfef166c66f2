import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 400;
/** The next pause as a share of the time waited so far, so that an end is noticed at most this much too late. */
const PAUSE_SHARE = 1 / 50;

export interface Waiting<T> {
  read(): Promise<T>;
  readonly hasEnded: (seen: NoInfer<T>) => boolean;
  readonly waitMs: number;
  /** Aborted when the client has disconnected. */
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
