import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { LongshoreError } from '../errors.ts';
import { keyId, keyOfText } from '../key-bytes.ts';
import { writeFileAtomically } from '../runtime/home.ts';
import { readSecretFile } from '../secret-file.ts';

/**
 * The keys that seal payloads of Temporal. Every process of a platform has the same keys; the first of them seals, each of
 * them opens, so that a new one can take over while payloads of the old one are still in use.
 */
export interface PayloadKeys {
  readonly sealing: PayloadKey;
  readonly byId: ReadonlyMap<string, PayloadKey>;
}

export interface PayloadKey {
  /** Names the key without revealing it. */
  readonly id: string;
  /** For HMAC-SHA-256. */
  readonly authentication: KeyObject;
  /** Keys of single payloads are derived from it. */
  readonly encryption: KeyObject;
  /** For the HMAC-SHA-256 by which processes of one platform know each other. */
  readonly processes: KeyObject;
}

const KEY_BYTES = 32;
const AUTHENTICATION_INFO = 'longshore payload authentication';
const ENCRYPTION_INFO = 'longshore payload encryption';
const PROCESSES_INFO = 'longshore processes';

export function payloadKeyPath(home: string): string {
  return join(home, 'keys', 'payload.key');
}

/**
 * The keys of the configuration, else those of the home: each is 64 hex digits or base64 (either alphabet) of 32
 * bytes; several are parted by blanks, line ends or commas.
 * @throws LongshoreError `config-invalid`, which shows nothing of the value
 */
export function readPayloadKeys({ home, payloadKey }: Pick<Config, 'home' | 'payloadKey'>): PayloadKeys {
  if (payloadKey !== undefined && 'text' in payloadKey) {
    return keysOfText(payloadKey.text, payloadKey.name);
  }
  if (payloadKey !== undefined) {
    const { name, file } = payloadKey;
    return keysOfText(readSecretFile(name, file).toString('utf8'), `${name}: ${file}`);
  }
  const path = payloadKeyPath(home);
  if (existsSync(path)) return keysOfText(readSecretFile('LONGSHORE_HOME', path).toString('utf8'), path);
  throw new LongshoreError(
    'config-invalid',
    `LONGSHORE_PAYLOAD_KEY: unset, and there is no ${path}; set it to 32 random bytes as base64, ` +
      'the same for every API process and worker',
  );
}

/** Makes the home's key where there is none and none is given. Only the process that starts all others may do so. */
export function ensurePayloadKey({ home, payloadKey }: Pick<Config, 'home' | 'payloadKey'>): void {
  const path = payloadKeyPath(home);
  if (payloadKey !== undefined || existsSync(path)) return;
  writeFileAtomically(path, `${newPayloadKey()}\n`, 0o600);
}

export function newPayloadKey(): string {
  return randomBytes(KEY_BYTES).toString('base64');
}

function keysOfText(text: string, name: string): PayloadKeys {
  const keys = text
    .split(/[\s,]/)
    .filter((word) => word !== '')
    .map((word) => payloadKeyOf(word, name));
  const [sealing] = keys;
  if (sealing === undefined) throw notKeys(name);
  return { sealing, byId: new Map(keys.map((key) => [key.id, key])) };
}

function payloadKeyOf(word: string, name: string): PayloadKey {
  const bytes = keyOfText(word);
  if (bytes === null) throw notKeys(name);
  return {
    id: keyId(bytes),
    authentication: derived(bytes, AUTHENTICATION_INFO),
    encryption: derived(bytes, ENCRYPTION_INFO),
    processes: derived(bytes, PROCESSES_INFO),
  };
}

function derived(bytes: Uint8Array, info: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', bytes, '', info, KEY_BYTES)));
}

function notKeys(name: string): LongshoreError {
  return new LongshoreError(
    'config-invalid',
    `${name}: expected keys of 32 bytes, each as 64 hex digits or as base64`,
  );
}
