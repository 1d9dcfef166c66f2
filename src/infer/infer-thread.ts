import { once } from 'node:events';
import { read } from 'node:fs';
import { promisify } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import { LongshoreError } from '../errors.ts';
import type { KeyAnswer, KeyQuestion } from './contract.ts';
import { infer } from './infer.ts';
import { PIECE_BYTES, type ThreadAnswer, type ThreadMessage, type ThreadTask } from './thread-task.ts';

/** A thread: infers what files hold that its process has open, and answers with a message. */
const { files, options, asks } = workerData as ThreadTask;
const readAt = promisify(read);

const sources = files.map(({ name, fd, bytes }) => ({
  name,
  open: () => piecesOf(fd, 0, bytes),
  bytes,
  range: (startByte: number, endByte: number) => piecesOf(fd, startByte, endByte),
}));

parentPort!.postMessage(await answer());

/** An error of the catalog goes over as its members: messages between threads keep no classes. */
async function answer(): Promise<ThreadAnswer> {
  try {
    return { kind: 'inferred', inferred: await infer(sources, asks ? { ...options, lookUpKeys } : options) };
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    const { code, message, places } = error;
    return { kind: 'refused', code, message, places };
  }
}

/** The process has the connections to the database. */
async function lookUpKeys(question: KeyQuestion): Promise<KeyAnswer> {
  const reply = once(parentPort!, 'message');
  parentPort!.postMessage({ kind: 'asked', question } satisfies ThreadMessage);
  const [answered] = (await reply) as [KeyAnswer];
  return answered;
}

/** No stream: to destroy one would close the file, which is not this thread's. */
async function* piecesOf(fd: number, startByte: number, endByte: number): AsyncGenerator<Buffer> {
  for (let position = startByte; position < endByte; ) {
    const wanted = Math.min(PIECE_BYTES, endByte - position);
    const piece = Buffer.allocUnsafe(wanted);
    const { bytesRead } = await readAt(fd, piece, 0, wanted, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}
