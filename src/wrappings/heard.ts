import type { MessagePort } from 'node:worker_threads';

/** The messages of a port, one for each call, in the order in which they come. */
export function heardOn<T>(port: MessagePort): () => Promise<T> {
  const arrived: T[] = [];
  let wake = () => {};
  port.on('message', (message: T) => {
    arrived.push(message);
    wake();
  });
  return async () => {
    while (arrived.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      await promise;
    }
    return arrived.shift()!;
  };
}
