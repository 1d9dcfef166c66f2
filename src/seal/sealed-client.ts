import type { ClientInterceptors } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import type { Config } from '../config.ts';
import { readPayloadKeys } from './payload-keys.ts';
import { createSealCodec, type SealOptions } from './seal-codec.ts';

/** Options of a Temporal client whose requests the platform's workflows accept, and which accepts only their answers. */
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

/** A signal without arguments gets an empty one, since an absent payload can't be sealed. */
export const SEALED_SIGNALS: ClientInterceptors = {
  workflow: [
    {
      signal: (input, next) => next(input.args.length > 0 ? input : { ...input, args: [{}] }),
      signalWithStart: (input, next) =>
        next(input.signalArgs.length > 0 ? input : { ...input, signalArgs: [{}] }),
    },
  ],
};
