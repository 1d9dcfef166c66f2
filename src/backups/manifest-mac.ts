import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { Manifest } from './backup.ts';
import type { BackupKey, BackupKeys } from './backup-keys.ts';

/**
 * A manifest's last member is its MAC: HMAC-SHA-256 of every byte of the file before the MAC's own digits, the key's ID
 * among them, by a key that HKDF-SHA-256 (RFC 5869) derives from the backup key. The bytes after the digits are fixed.
 * So the file is authenticated as it is, before any of it is parsed, and has one valid form only: a manifest that was
 * reformatted fails.
 */
const HKDF_INFO = 'longshore backup manifest';
const KEY_BYTES = 32;
export const MAC_ALGORITHM = 'HMAC-SHA-256';
const DIGITS = 64;
const NO_DIGITS = '0'.repeat(DIGITS);
/** Pattern of the file's end, whose length is constant. */
const END =
  /,\n "mac": \{\n {2}"algorithm": "HMAC-SHA-256",\n {2}"keyId": "([0-9a-f]{16})",\n {2}"value": "([0-9a-f]{64})"\n \}\n\}\n$/;
const END_BYTES = 200;
const AFTER_DIGITS = '"\n }\n}\n'.length;

/** The manifest's file, with a MAC where there is a key. */
export function encodeManifest(manifest: Manifest, key: BackupKey | null): Buffer {
  if (key === null) return bytesOf(manifest);
  const bytes = bytesOf({ ...manifest, mac: { algorithm: MAC_ALGORITHM, keyId: key.id, value: NO_DIGITS } });
  const digitsAt = bytes.length - AFTER_DIGITS - DIGITS;
  bytes.write(macOf(key, bytes.subarray(0, digitsAt)).toString('hex'), digitsAt, 'latin1');
  return bytes;
}

export type MacState =
  | { readonly state: 'good'; readonly keyId: string }
  /** The file has no MAC, or its key is not configured here. */
  | { readonly state: 'missing' }
  | { readonly state: 'unknown-key'; readonly keyId: string }
  /** Edited or forged. */
  | { readonly state: 'wrong'; readonly keyId: string };

/** Checks whether one of the keys authenticates exactly these bytes. The digits are compared in constant time. */
export function checkMac(bytes: Buffer, { byId }: Pick<BackupKeys, 'byId'>): MacState {
  const end = END.exec(bytes.subarray(-END_BYTES).toString('latin1'));
  if (end === null) return { state: 'missing' };
  const [, keyId = '', digits = ''] = end;
  const key = byId.get(keyId);
  if (key === undefined) return { state: 'unknown-key', keyId };
  const wanted = macOf(key, bytes.subarray(0, bytes.length - AFTER_DIGITS - DIGITS));
  return { state: timingSafeEqual(wanted, Buffer.from(digits, 'hex')) ? 'good' : 'wrong', keyId };
}

function bytesOf(manifest: Manifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`);
}

function macOf(key: BackupKey, bytes: Uint8Array): Buffer {
  return createHmac('sha256', macKeyOf(key)).update(bytes).digest();
}

function macKeyOf({ secret }: BackupKey): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', HKDF_INFO, KEY_BYTES)));
}
