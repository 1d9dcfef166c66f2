import { setTimeout as sleep } from 'node:timers/promises';

const FIRST_LOOK_MS = 20;
const LONGEST_LOOK_MS = 400;

export interface Waiting<T> {
  read(): Promise<T>;
  readonly hasEnded: (seen: NoInfer<T>) => boolean;
  readonly waitMs: number;
  /** Aborted when the one who waits has gone. */
  readonly signal: AbortSignal;
}

/** Looks again and again, less and less often, until it has ended or the wait is over; what was seen last. */
export async function waitUntilEnded<T>({ read, hasEnded, waitMs, signal }: Waiting<T>): Promise<T> {
  const until = performance.now() + waitMs;
  for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_LOOK_MS)) {
    const seen = await read();
    const left = until - performance.now();
    if (hasEnded(seen) || left <= 0 || signal.aborted) return seen;
    await sleep(Math.min(pauseMs, left), undefined, { signal }).catch(() => undefined);
  }
}
