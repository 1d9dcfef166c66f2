import { Client, Connection } from '@temporalio/client';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import type { Config } from '../config.ts';
import { LongshoreError } from '../errors.ts';
import { sealedClientOptions } from '../seal/sealed-client.ts';

const CONNECT_TIMEOUT_MS = 15_000;

type Address = Pick<NativeConnectionOptions, 'tls' | 'apiKey' | 'metadata'> & { readonly address: string };

function addressOf(config: Config): Address {
  if (config.temporalAddress === undefined) {
    throw new LongshoreError(
      'config-invalid',
      'TEMPORAL_ADDRESS: unset (npm start sets it for its processes)',
    );
  }
  const { apiKey, tls, metadata } = config.temporalAccess;
  return { address: config.temporalAddress, ...(apiKey !== undefined && { apiKey }), tls, metadata };
}

/** @throws LongshoreError `temporal-unavailable`, `config-invalid` without a payload key */
export async function connectClient(config: Config): Promise<Client> {
  const address = addressOf(config);
  const sealed = sealedClientOptions(config);
  try {
    const connection = await Connection.connect({ ...address, connectTimeout: CONNECT_TIMEOUT_MS });
    return new Client({ connection, namespace: config.temporalNamespace, ...sealed });
  } catch (error) {
    throw unavailable(address, error);
  }
}

/** What workers poll through. @throws LongshoreError `temporal-unavailable` */
export async function connectWorker(config: Config): Promise<NativeConnection> {
  const address = addressOf(config);
  try {
    return await NativeConnection.connect(address);
  } catch (error) {
    throw unavailable(address, error);
  }
}

function unavailable({ address, tls }: Address, cause: unknown): LongshoreError {
  const how = tls === false ? 'without TLS' : 'over TLS';
  return new LongshoreError('temporal-unavailable', `no Temporal server answers at ${address}, ${how}`, {
    cause,
  });
}
