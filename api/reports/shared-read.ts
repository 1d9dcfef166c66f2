/**
 * One read for all who ask at the same time. Who comes while a read runs shares the next one with others that wait:
 * that one begins after each of them came, so nobody gets to see what was true before.
 */
export function sharedRead<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<void> | null = null;
  let next: Promise<T> | null = null;

  function start(): Promise<T> {
    const started = read();
    const settled: Promise<void> = started.then(nothing, nothing).then(() => {
      if (running === settled) running = null;
    });
    running = settled;
    return started;
  }
  return () => {
    if (running === null) return start();
    next ??= running.then(() => {
      next = null;
      return start();
    });
    return next;
  };
}

function nothing(): void {}
