import { readPayloadKeys } from '../../src/seal/payload-keys.ts';
import { sealedClientOptions } from '../../src/seal/sealed-client.ts';

/** Of every stack of the tests. */
export const TEST_PAYLOAD_KEY = Buffer.alloc(32, 'a payload key of tests').toString('base64');

const CONFIGURED = { home: '', payloadKey: { name: 'LONGSHORE_PAYLOAD_KEY', text: TEST_PAYLOAD_KEY } };
export const TEST_PAYLOAD_KEYS = readPayloadKeys(CONFIGURED);

/** For clients that a stack's workers shall obey. */
export const TEST_SEALED = sealedClientOptions({ ...CONFIGURED, payloadMode: 'readable' });
