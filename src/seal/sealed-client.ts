import type { ClientInterceptors } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import type { Config } from '../config.ts';
import { readPayloadKeys } from './payload-keys.ts';
import { createSealCodec, type SealOptions } from './seal-codec.ts';

/** What a client of Temporal needs for workflows of the platform to obey it, and to believe nobody else. */
export interface SealedClientOptions {
  readonly dataConverter: DataConverter;
  readonly interceptors: ClientInterceptors;
}

/** @throws LongshoreError `config-invalid` without a key */
export function sealedClientOptions(
  config: Pick<Config, 'home' | 'payloadKey' | 'payloadMode'>,
  unsealed: SealOptions['unsealed'] = 'throw',
): SealedClientOptions {
  const codec = createSealCodec({ keys: readPayloadKeys(config), mode: config.payloadMode, unsealed });
  return { dataConverter: { payloadCodecs: [codec] }, interceptors: SEALED_SIGNALS };
}

/** Only what is there can be sealed: a signal without arguments gets an empty one. */
export const SEALED_SIGNALS: ClientInterceptors = {
  workflow: [
    {
      signal: (input, next) => next(input.args.length > 0 ? input : { ...input, args: [{}] }),
      signalWithStart: (input, next) =>
        next(input.signalArgs.length > 0 ? input : { ...input, signalArgs: [{}] }),
    },
  ],
};
