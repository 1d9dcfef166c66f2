import { LongshoreError } from '../errors.ts';
import type { Storage } from '../storage/storage.ts';
import type { ReceivedBatch } from './batch.ts';

/** Where payloads wait that are too large to travel through Temporal. */
export const PAYLOAD_FOLDER = 'batches/';
/**
 * Characters that travel with the workflow. Temporal keeps them twice (start, and the workflow's task) and takes 2 MB
 * at most; beyond some tens of KiB a file is quicker.
 */
const INLINE_CHARACTERS = 32 * 1024;

export type Payload = { readonly inline: string } | { readonly key: string };

/** The batches of a group, as their workflow takes them along. @throws `storage-full storage-unavailable` */
export async function keepPayload(
  storage: Storage,
  group: string,
  batches: readonly ReceivedBatch[],
): Promise<Payload> {
  const json = JSON.stringify(batches);
  if (json.length <= INLINE_CHARACTERS) return { inline: json };
  const key = PAYLOAD_FOLDER + group;
  const writer = await storage.write(key);
  try {
    await writer.write(Buffer.from(json));
    await writer.close();
  } catch (error) {
    // What is left behind when this fails too, is cleared away later.
    await writer.abort().catch(() => undefined);
    throw error;
  }
  return { key };
}

/** null when the storage does not have it (any more). */
export async function readPayload(
  storage: Storage,
  payload: Payload,
): Promise<readonly ReceivedBatch[] | null> {
  if ('inline' in payload) return parse(payload.inline);
  const found = await storage.stat(payload.key);
  if (found === null) return null;
  return parse((await storage.read(payload.key, 0, found.bytes)).toString('utf8'));
}

export async function dropPayload(storage: Storage, payload: Payload): Promise<void> {
  if ('key' in payload) await storage.delete(payload.key);
}

function parse(json: string): readonly ReceivedBatch[] {
  try {
    return JSON.parse(json) as ReceivedBatch[];
  } catch (cause) {
    throw new LongshoreError('batch-lost', 'the payload of the group is damaged', { cause });
  }
}
