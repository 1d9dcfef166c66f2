/** Work that may be interrupted: it yields wherever others may go first. */
export type Steps<T> = Generator<void, T, void>;

/** Time limit of one slice, besides the step that reaches it, so that a small request waits no longer. */
const SLICE_MS = 25;

/** Work that waits for a turn of the event loop: one of them runs in each turn, so that slices do not add up. */
const waiting: (() => void)[] = [];

/** Does the work in slices, between which the event loop serves everybody else. Work that is short is done at once. */
export async function inSlices<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const untilMs = performance.now() + SLICE_MS;
    do {
      const { done, value } = steps.next();
      if (done) return value;
    } while (performance.now() < untilMs);
    await nextTurn();
  }
}

/**
 * Resolves in a turn of the event loop in which no other one of these does: for steps of work that arrives in pieces, and
 * that would otherwise make each turn as long as there are pieces.
 */
export function nextTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (waiting.push(resolve) === 1) setImmediate(wakeOne);
  return promise;
}

function wakeOne(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(wakeOne);
}
