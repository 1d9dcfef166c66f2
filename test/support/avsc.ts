import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import avsc, { type Schema, type Type } from 'avsc';
import type { Codec } from '../../src/avro/codec.ts';
import { CODEC_KEY, containerHeader, SCHEMA_KEY } from '../../src/avro/container.ts';

/** A row as avsc sees it: longs are bigints. */
export type AvscRow = Readonly<Record<string, AvscValue>>;
export type AvscValue = bigint | number | string | boolean | null;

const LONG = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer(value: bigint) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value,
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
});

/** avsc's type of a schema, with every bit of a long: by itself it takes no more than 53. */
function avscType(schema: object): Type {
  return avsc.Type.forSchema(schema as Schema, {
    typeHook: (part) =>
      part === 'long' || (part as { type?: unknown }).type === 'long' ? (LONG as Type) : undefined,
  });
}

/** What avsc reads of a file, by the file's schema or resolved to the reader's. */
export async function readByAvsc(file: Buffer, readerSchema?: object): Promise<AvscRow[]> {
  const decoder = new avsc.streams.BlockDecoder({
    parseHook: (schema) => avscType(schema as object),
    codecs: { ...avsc.streams.BlockDecoder.defaultCodecs(), zstandard: zstdDecompress },
    ...(readerSchema && { readerSchema: avscType(readerSchema) }),
  });
  decoder.end(file);
  const rows: AvscRow[] = [];
  for await (const row of decoder) rows.push({ ...row });
  return rows;
}

/** A file as avsc writes it. Its header is ours: avsc leaves the logical types of bigints out. */
export async function writeByAvsc(schema: object, rows: readonly AvscRow[], codec: Codec): Promise<Buffer> {
  const syncMarker = randomBytes(16);
  const header = containerHeader({ [SCHEMA_KEY]: JSON.stringify(schema), [CODEC_KEY]: codec }, syncMarker);
  const codecs = { ...avsc.streams.BlockEncoder.defaultCodecs(), zstandard: zstdCompress };
  const encoder = new avsc.streams.BlockEncoder(avscType(schema), {
    codec,
    codecs,
    syncMarker,
    writeHeader: 'never',
  });
  return Buffer.concat([header, await buffer(Readable.from(rows).pipe(encoder))]);
}
