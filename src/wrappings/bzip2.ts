import { MessageChannel, Worker } from 'node:worker_threads';
import { threadEnvironment } from '../thread-environment.ts';
import { heardOn } from './heard.ts';

/** What the thread says; it goes on at each answer. */
export type FromThread =
  | { readonly need: true }
  | { readonly piece: Uint8Array<ArrayBuffer> }
  | { readonly end: true }
  | { readonly fault: string };

/** The next piece, or null at the end, for who needs one; nothing for who has given one. */
export type ToThread = { readonly piece: Uint8Array | null } | { readonly next: true };

/**
 * Unpacks bzip2 in a thread of its own, since a block of it takes a tenth of a second, in which a process would answer
 * nobody. Piece by piece: the thread goes no further than one block ahead of who reads.
 */
export async function* unpackInThread(
  pieces: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  const { port1: port, port2 } = new MessageChannel();
  const thread = new Worker(new URL('./bzip2-thread.ts', import.meta.url), {
    workerData: { port: port2 },
    transferList: [port2],
    env: threadEnvironment(),
  });
  const input = pieces[Symbol.asyncIterator]();
  const failed = new Promise<never>((_, reject) => {
    thread.once('error', reject);
    thread.once('exit', () => reject(new Error('the thread that unpacks it has ended')));
  });
  failed.catch(() => undefined);
  const say = (message: ToThread) => port.postMessage(message);
  const heard = heardOn<FromThread>(port);
  try {
    for (;;) {
      const message = await Promise.race([heard(), failed]);
      if ('need' in message) {
        const { value, done } = await input.next();
        say({ piece: done ? null : value });
      } else if ('piece' in message) {
        const { buffer, byteOffset, length } = message.piece;
        yield Buffer.from(buffer, byteOffset, length);
        say({ next: true });
      } else if ('fault' in message) throw new Error(message.fault);
      else return;
    }
  } finally {
    port.close();
    await Promise.all([thread.terminate(), input.return?.()]);
  }
}
