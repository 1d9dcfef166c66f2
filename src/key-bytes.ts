import { createHash } from 'node:crypto';

/** Bytes of a key's ID, of which the header of an encrypted part holds as many. */
export const KEY_ID_BYTES = 8;

/** Names a key of 32 bytes without telling it. */
export function keyId(key: Uint8Array): string {
  return createHash('sha256')
    .update(key)
    .digest('hex')
    .slice(0, 2 * KEY_ID_BYTES);
}

/** null: it is not 32 bytes as hex or base64. */
export function keyOfText(text: string): Buffer | null {
  const trimmed = text.trim();
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return Buffer.from(trimmed, 'hex');
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)) return null;
  return Buffer.from(trimmed, 'base64');
}
