import { LongshoreError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';
import type { ReceivedBatch } from './batch.ts';

/** Folder of payloads that are too large for Temporal. */
export const PAYLOAD_FOLDER = 'batches/';
/**
 * The most characters that are passed in the workflow's input. Temporal stores them twice (start, and the workflow's
 * task) and accepts 2 MB at most; beyond some tens of KiB a file is quicker.
 */
const INLINE_CHARACTERS = 32 * 1024;

export type Payload =
  /** As the Web UI shows it readably. */
  | { readonly received: readonly ReceivedBatch[] }
  /** The same as JSON text: by processes of earlier versions. */
  | { readonly inline: string }
  | { readonly key: string };

/** Makes the payload of a group's workflow. @throws `storage-full storage-unavailable` */
export async function keepPayload(
  storage: Storage,
  group: string,
  batches: readonly ReceivedBatch[],
): Promise<Payload> {
  const characters = batches.reduce((sum, { body }) => sum + body.length, 0);
  if (characters <= INLINE_CHARACTERS && JSON.stringify(batches).length <= INLINE_CHARACTERS) {
    return { received: batches };
  }
  const key = PAYLOAD_FOLDER + group;
  const writer = await storage.write(key);
  try {
    await writer.write(frame(batches));
    await writer.close();
  } catch (error) {
    // If this fails too, tidying deletes the rest later.
    await writer.abort().catch(() => undefined);
    throw error;
  }
  return { key };
}

type Framed = Omit<ReceivedBatch, 'body'> & { readonly bodyBytes: number };

/** A line of JSON about the batches, then their raw bodies: escaping those would cost more than everything else. */
function frame(batches: readonly ReceivedBatch[]): Buffer {
  const bodies = batches.map(({ body }) => Buffer.from(body));
  const head = batches.map(({ body: _, ...rest }, n): Framed => ({ ...rest, bodyBytes: bodies[n]!.length }));
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), ...bodies]);
}

function unframe(file: Buffer): readonly ReceivedBatch[] {
  const end = file.indexOf('\n');
  let at = end + 1;
  const batches = (JSON.parse(file.toString('utf8', 0, end)) as Framed[]).map(({ bodyBytes, ...rest }) => {
    const body = file.toString('utf8', at, at + bodyBytes);
    at += bodyBytes;
    return { ...rest, body };
  });
  if (at !== file.length) throw new RangeError('the bodies are not as long as they were');
  return batches;
}

/** null when the storage does not have it (any more). */
export async function readPayload(
  storage: Storage,
  payload: Payload,
): Promise<readonly ReceivedBatch[] | null> {
  if ('received' in payload) return payload.received;
  if ('inline' in payload) return sound(() => JSON.parse(payload.inline) as ReceivedBatch[]);
  const found = await storage.stat(payload.key);
  if (found === null) return null;
  const file = await storage.read(payload.key, 0, found.bytes);
  return sound(() => unframe(file));
}

export async function dropPayload(storage: Storage, payload: Payload): Promise<void> {
  if ('key' in payload) await storage.delete(payload.key);
}

function sound(read: () => readonly ReceivedBatch[]): readonly ReceivedBatch[] {
  try {
    return read();
  } catch (cause) {
    throw new LongshoreError('batch-lost', 'the payload of the group is damaged', { cause });
  }
}
