import type { WorkerOptions } from '@temporalio/worker';
import type { Config } from '../src/config.ts';
import { readPayloadKeys } from '../src/seal/payload-keys.ts';
import { createSealCodec } from '../src/seal/seal-codec.ts';
import { SEALED_SIGNALS } from '../src/seal/sealed-client.ts';
import { BUNDLED } from '../src/temporal/workflow-bundle.ts';
import { activityMark, sealedActivities } from './sealed-activities.ts';

/**
 * Options of a worker that accepts and sends only sealed payloads. The part that runs in workflows is in their bundle.
 * @throws LongshoreError `config-invalid` without a key
 */
export function sealedWorkerOptions(
  config: Pick<Config, 'home' | 'payloadKey' | 'payloadMode'>,
): Pick<WorkerOptions, 'dataConverter' | 'interceptors'> {
  const keys = readPayloadKeys(config);
  const codec = createSealCodec({ keys, mode: config.payloadMode, unsealed: 'mark', activityMark });
  return {
    dataConverter: { payloadConverterPath: BUNDLED.payloadConverterPath, payloadCodecs: [codec] },
    interceptors: { activity: [sealedActivities], client: SEALED_SIGNALS },
  };
}
