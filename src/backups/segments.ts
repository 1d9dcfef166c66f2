import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';

/** Plain bytes of a segment: they are held back until its tag is verified; the tag adds 0.006 %. */
export const SEGMENT_BYTES = 256 * 1024;
export const TAG_BYTES = 16;

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const LAST_FLAG_AT = 11;
/** The counter's 11 bytes end here; 6 of them count 2^48 segments, more than any file has. */
const COUNTER_AT = 5;

/** A segment's place in its file: its number from 0, and whether it is the last. */
export interface SegmentPlace {
  readonly no: number;
  readonly last: boolean;
}

/** The ciphertext and its tag. */
export function sealSegment(key: KeyObject, place: SegmentPlace, aad: Uint8Array, plain: Uint8Array): Buffer {
  const cipher = createCipheriv(CIPHER, key, nonceOf(place), { authTagLength: TAG_BYTES }).setAAD(aad);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** @returns the plain bytes; null where key, place, associated data or a byte is wrong */
export function openSegment(
  key: KeyObject,
  place: SegmentPlace,
  aad: Uint8Array,
  sealed: Buffer,
): Buffer | null {
  const tagAt = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, key, nonceOf(place), { authTagLength: TAG_BYTES })
    .setAAD(aad)
    .setAuthTag(sealed.subarray(tagAt));
  const plain = decipher.update(sealed.subarray(0, tagAt));
  try {
    decipher.final();
    return plain;
  } catch {
    return null;
  }
}

function nonceOf({ no, last }: SegmentPlace): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUIntBE(no, COUNTER_AT, LAST_FLAG_AT - COUNTER_AT);
  nonce[LAST_FLAG_AT] = last ? 1 : 0;
  return nonce;
}
