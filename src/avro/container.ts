import { MAX_VARINT_BYTES, writeLength } from './varint.ts';

/** Of an object container file (Avro 1.12): "Obj" and the version. */
export const MAGIC = Buffer.from('Obj\x01', 'latin1');
export const SYNC_BYTES = 16;
export const SCHEMA_KEY = 'avro.schema';
export const CODEC_KEY = 'avro.codec';

/** What a container file begins with: the magic, the metadata and the sync marker that ends each block. */
export function containerHeader(metadata: Readonly<Record<string, string>>, sync: Buffer): Buffer {
  const entries = Object.entries(metadata);
  const parts: Buffer[] = [MAGIC];
  if (entries.length > 0) parts.push(long(entries.length));
  for (const [name, value] of entries) parts.push(...counted(name), ...counted(value));
  return Buffer.concat([...parts, long(0), sync]);
}

/** What a block begins with in the file: its rows and its bytes, counted. Behind the bytes stands the marker. */
export function blockHeader(rows: number, bytes: number): Buffer {
  return Buffer.concat([long(rows), long(bytes)]);
}

function counted(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  return [long(bytes.length), bytes];
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(MAX_VARINT_BYTES);
  return bytes.subarray(0, writeLength(bytes, 0, value));
}
