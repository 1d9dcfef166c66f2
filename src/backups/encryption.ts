import { createHash, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import { ByteReader } from '../avro/byte-reader.ts';
import { damaged } from '../avro/damaged.ts';
import { KEY_ID_BYTES } from '../key-bytes.ts';
import { type BackupKey, type BackupKeys, requireBackupKey } from './backup-keys.ts';
import { openSegment, SEGMENT_BYTES, sealSegment, TAG_BYTES } from './segments.ts';

/**
 * Encrypted parts: a header, then segments.
 *
 *     magic "LSENC" | version 1 (1 byte) | key ID (8) | salt (32) | check (4: begin of SHA-256 of all before)
 *     segment: ciphertext of 256 KiB of plain text (the last: 0 to 256 KiB) | tag (16)
 *
 * Each file has a key of its own: HKDF-SHA-256 (RFC 5869) of the backup key and the random salt, so that nonces never
 * meet however many files one key protects. Each segment is sealed by AES-256-GCM (NIST SP 800-38D) as in the STREAM
 * construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015; age does the same): the nonce is the segment's number (11
 * bytes) and a flag that it is the last. No plain text is released before its tag is verified; a segment that is lost,
 * moved, repeated or truncated, and a file cut between segments, are detected. The associated data of every segment is
 * the header and the part's identity (`partAad`), so that parts can't be exchanged. The check in the header is no
 * protection; it tells a flipped bit in the key ID from another key.
 */
const MAGIC = Buffer.from('LSENC');
const VERSION = 1;
const KEY_BYTES = 32;
const SALT_BYTES = 32;
const CHECK_BYTES = 4;
const ID_AT = MAGIC.length + 1;
const SALT_AT = ID_AT + KEY_ID_BYTES;
const CHECK_AT = SALT_AT + SALT_BYTES;
const HEADER_BYTES = CHECK_AT + CHECK_BYTES;
const HKDF_INFO = 'longshore backup part';

/** The associated data of a part, which binds its bytes to its backup and name. */
export function partAad(backupId: string, partName: string): Buffer {
  return Buffer.from(JSON.stringify([backupId, partName]));
}

/** Encrypts a part; `aad` is `partAad` of it. Holds a segment in memory. */
export async function* encryptPart(
  stream: AsyncIterable<Buffer>,
  key: BackupKey,
  aad: Uint8Array,
): AsyncGenerator<Buffer, void> {
  const header = newHeader(key);
  const fileKey = fileKeyOf(key, header);
  const bound = Buffer.concat([header, aad]);
  yield header;
  const segment = Buffer.allocUnsafeSlow(SEGMENT_BYTES);
  let filled = 0;
  let no = 0;
  for await (const piece of stream) {
    for (let at = 0; at < piece.length; ) {
      // A full segment with data after it is not the last.
      if (filled === SEGMENT_BYTES) {
        yield sealSegment(fileKey, { no: no++, last: false }, bound, segment);
        filled = 0;
      }
      const taken = piece.copy(segment, filled, at);
      filled += taken;
      at += taken;
    }
  }
  yield sealSegment(fileKey, { no, last: true }, bound, segment.subarray(0, filled));
}

/**
 * Decrypts what `encryptPart` made, with the same `aad`.
 * @throws LongshoreError `backup-key-missing` with the ID of the key it needs, where it is not one of `keys`;
 *   `backup-damaged` for anything that is not what was written
 */
export async function* decryptPart(
  stream: AsyncIterable<Buffer>,
  keys: BackupKeys,
  aad: Uint8Array,
): AsyncGenerator<Buffer, void> {
  const reader = new ByteReader(stream);
  try {
    const header = await reader.read(HEADER_BYTES, 'the header of an encrypted part');
    checkHeader(header);
    const fileKey = fileKeyOf(keyOfHeader(keys, header), header);
    const bound = Buffer.concat([header, aad]);
    for (let no = 0, last = false; !last; no++) {
      const { offset } = reader;
      const sealed = await reader.readUpTo(SEGMENT_BYTES + TAG_BYTES);
      if (sealed.length < TAG_BYTES) throw damaged('the encrypted part is cut off', offset);
      last = await reader.isAtEnd();
      const plain = openSegment(fileKey, { no, last }, bound, sealed);
      if (!plain) {
        throw damaged(`segment ${no + 1} of the encrypted part is not what was written for it`, offset);
      }
      if (plain.length > 0) yield plain;
    }
  } finally {
    await reader.close();
  }
}

function newHeader({ id }: BackupKey): Buffer {
  const start = Buffer.concat([MAGIC, Buffer.of(VERSION), Buffer.from(id, 'hex'), randomBytes(SALT_BYTES)]);
  return Buffer.concat([start, checkOf(start)]);
}

function checkOf(start: Uint8Array): Buffer {
  return createHash('sha256').update(start).digest().subarray(0, CHECK_BYTES);
}

function checkHeader(header: Buffer): void {
  if (!header.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged('the part is not an encrypted one', 0);
  if (!checkOf(header.subarray(0, CHECK_AT)).equals(header.subarray(CHECK_AT))) {
    throw damaged('the header of the encrypted part is not what was written', 0);
  }
  const version = header[MAGIC.length];
  if (version !== VERSION) {
    throw damaged(`the encrypted part is of version ${version}, only ${VERSION} is known`, MAGIC.length);
  }
}

function keyOfHeader(keys: BackupKeys, header: Buffer): BackupKey {
  return requireBackupKey(keys, header.subarray(ID_AT, SALT_AT).toString('hex'), 'the encrypted part');
}

function fileKeyOf({ secret }: BackupKey, header: Buffer): KeyObject {
  const salt = header.subarray(SALT_AT, CHECK_AT);
  return createSecretKey(Buffer.from(hkdfSync('sha256', secret, salt, HKDF_INFO, KEY_BYTES)));
}
