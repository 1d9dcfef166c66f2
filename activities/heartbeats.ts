import { Context } from '@temporalio/activity';

const BEAT_MS = 3_000;

/**
 * Runs `work` while sending heartbeats with the current `details`. The signal aborts when the activity is cancelled or
 * its worker shuts down (cancellation arrives by heartbeat only).
 */
export async function whileBeating<T>(
  details: () => unknown,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(details()), BEAT_MS);
  try {
    return await work(context.cancellationSignal);
  } finally {
    clearInterval(timer);
  }
}
