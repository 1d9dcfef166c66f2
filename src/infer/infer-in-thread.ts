import { Worker } from 'node:worker_threads';
import { LongshoreError } from '../errors.ts';
import { threadEnvironment } from '../thread-environment.ts';
import type { Inferred, LookUpKeys } from './contract.ts';
import type { OpenFile, ThreadAnswer, ThreadMessage, ThreadOptions } from './thread-task.ts';

/** Of the thread's heap, in which inference stays far below this; its sets of values are outside of it. */
const HEAP_MIB = 1024;

/**
 * Infers in a thread of its own, so that the process serves everybody else meanwhile.
 * @param signal ends the thread at once, wherever it is; its reason is thrown
 * @param lookUpKeys answers questions about keys of `options.tables`; without it none are asked
 * @throws LongshoreError as `infer` does
 */
export async function inferInThread(
  files: readonly OpenFile[],
  options: ThreadOptions,
  signal: AbortSignal,
  lookUpKeys?: LookUpKeys,
): Promise<Inferred> {
  signal.throwIfAborted();
  const thread = new Worker(new URL('./infer-thread.ts', import.meta.url), {
    workerData: { files, options, asks: lookUpKeys !== undefined },
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
    env: threadEnvironment(),
  });
  const { promise, resolve, reject } = Promise.withResolvers<ThreadAnswer>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  thread.on('message', (message: ThreadMessage) => {
    if (message.kind !== 'asked') resolve(message);
    else lookUpKeys?.(message.question).then((answer) => thread.postMessage(answer), reject);
  });
  thread.once('error', reject);
  thread.once('exit', () => reject(new Error('the thread that infers ended without an answer')));
  try {
    const answer = await promise;
    if (answer.kind === 'inferred') return answer.inferred;
    throw new LongshoreError(answer.code, answer.message, { places: answer.places });
  } finally {
    signal.removeEventListener('abort', onAbort);
    await thread.terminate();
  }
}
