import { sealedClientOptions } from '../../src/seal/sealed-client.ts';

/** Of every stack of the tests. */
export const TEST_PAYLOAD_KEY = Buffer.alloc(32, 'a payload key of tests').toString('base64');

/** For clients that a stack's workers shall obey. */
export const TEST_SEALED = sealedClientOptions({
  home: '',
  payloadKey: { name: 'LONGSHORE_PAYLOAD_KEY', text: TEST_PAYLOAD_KEY },
  payloadMode: 'readable',
});
