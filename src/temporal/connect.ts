import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { Config } from '../config.ts';
import { LongshoreError } from '../errors.ts';
import { sealedClientOptions } from '../seal/sealed-client.ts';

const CONNECT_TIMEOUT_MS = 15_000;

interface Address {
  readonly address: string;
  readonly tls?: boolean;
  readonly apiKey?: string;
}

/** An API key belongs to Temporal Cloud or its like, which is reached over TLS only. */
function addressOf(config: Config): Address {
  if (config.temporalAddress === undefined) {
    throw new LongshoreError(
      'config-invalid',
      'TEMPORAL_ADDRESS: unset (npm start sets it for its processes)',
    );
  }
  const { temporalAddress: address, temporalApiKey: apiKey } = config;
  return apiKey === undefined ? { address } : { address, apiKey, tls: true };
}

/** @throws LongshoreError `temporal-unavailable`, `config-invalid` without a payload key */
export async function connectClient(config: Config): Promise<Client> {
  const address = addressOf(config);
  const sealed = sealedClientOptions(config);
  try {
    const connection = await Connection.connect({ ...address, connectTimeout: CONNECT_TIMEOUT_MS });
    return new Client({ connection, namespace: config.temporalNamespace, ...sealed });
  } catch (error) {
    throw unavailable(address.address, error);
  }
}

/** What workers poll through. @throws LongshoreError `temporal-unavailable` */
export async function connectWorker(config: Config): Promise<NativeConnection> {
  const address = addressOf(config);
  try {
    return await NativeConnection.connect(address);
  } catch (error) {
    throw unavailable(address.address, error);
  }
}

function unavailable(address: string, cause: unknown): LongshoreError {
  return new LongshoreError('temporal-unavailable', `no Temporal server answers at ${address}`, { cause });
}
