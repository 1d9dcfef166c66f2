import { Client } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import { encode } from '@temporalio/common/lib/encoding.js';

/** Nothing of what was sent is read, whatever it is. */
const UNREAD: PayloadCodec = {
  encode: async () => {
    throw new Error('a client for lists sends nothing');
  },
  decode: async (payloads) => payloads.map(() => ({ metadata: { encoding: encode('binary/null') } })),
};

/**
 * For lists of what is in the namespace. Temporal gives them with the memos of all of it, also of what other programs
 * and strangers have put there, and the SDK reads those: one that is not sealed, or not even JSON, would end the list.
 */
export function listingClient({ connection, options: { namespace } }: Client): Client {
  return new Client({ connection, namespace, dataConverter: { payloadCodecs: [UNREAD] } });
}
