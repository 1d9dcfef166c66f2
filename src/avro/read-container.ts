import type { ByteReader } from './byte-reader.ts';
import { BLOCK_CODECS, CODECS, type Codec, MAX_BLOCK_BYTES } from './codec.ts';
import { CODEC_KEY, MAGIC, SCHEMA_KEY, SYNC_BYTES } from './container.ts';
import { damaged } from './damaged.ts';

const MAX_HEADER_BYTES = 16 * 1024 * 1024;

export interface ContainerHeader {
  /** As parsed from JSON. */
  readonly schema: unknown;
  readonly codec: Codec;
  readonly sync: Buffer;
}

/** A block as it stands in the file, or with its bytes decompressed. */
export interface FileBlock {
  /** Where it begins in the file. */
  readonly offset: number;
  readonly rows: number;
  readonly bytes: Buffer;
}

/** @throws LongshoreError `backup-damaged` */
export async function readHeader(reader: ByteReader): Promise<ContainerHeader> {
  const magic = await reader.read(MAGIC.length, 'the magic bytes');
  if (!magic.equals(MAGIC)) throw damaged('the file does not begin with the magic bytes of Avro', 0);
  const metadata = await readMetadata(reader);
  const sync = Buffer.from(await reader.read(SYNC_BYTES, 'the sync marker'));
  const codec = metadata.get(CODEC_KEY) ?? 'null';
  if (!isCodec(codec)) {
    throw damaged(`the codec is none of ${CODECS.join(', ')}`, MAGIC.length);
  }
  return { schema: parseSchema(metadata.get(SCHEMA_KEY)), codec, sync };
}

function parseSchema(text: string | undefined): unknown {
  if (text === undefined) throw damaged('the file has no schema', MAGIC.length);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw damaged('the schema of the file is no JSON', MAGIC.length, cause);
  }
}

function isCodec(name: string): name is Codec {
  return (CODECS as readonly string[]).includes(name);
}

/** An Avro map of bytes: blocks of entries, each with its count (below zero: a size follows), until one of none. */
async function readMetadata(reader: ByteReader): Promise<Map<string, string>> {
  const metadata = new Map<string, string>();
  for (;;) {
    const count = await reader.readLong('the count of the metadata');
    if (count === 0) return metadata;
    if (count < 0) await reader.readLong('the size of the metadata');
    for (let left = Math.abs(count); left > 0; left--) {
      const name = await readText(reader, 'the name of an entry of the metadata');
      metadata.set(name, await readText(reader, 'an entry of the metadata'));
    }
  }
}

async function readText(reader: ByteReader, what: string): Promise<string> {
  const start = reader.offset;
  const length = await reader.readLong(`the length of ${what}`);
  if (length < 0 || start + length > MAX_HEADER_BYTES) throw damaged(`${what} has a wrong length`, start);
  return (await reader.read(length, what)).toString();
}

/** The blocks as they stand in the file. @throws LongshoreError `backup-damaged` */
export async function* readBlocks(reader: ByteReader, sync: Buffer): AsyncGenerator<FileBlock, void> {
  while (!(await reader.isAtEnd())) {
    const { offset } = reader;
    const rows = await reader.readLong("a block's count of rows");
    const size = await reader.readLong("a block's size");
    if (rows < 0) throw damaged(`a block has a count of ${rows} rows`, offset);
    if (size < 0 || size > MAX_BLOCK_BYTES) throw damaged(`a block has a size of ${size} bytes`, offset);
    const bytes = await reader.read(size, 'a block');
    const markerAt = reader.offset;
    if (!sync.equals(await reader.read(SYNC_BYTES, "a block's sync marker"))) {
      throw damaged('the sync marker behind a block is another one than that of the file', markerAt);
    }
    yield { offset, rows, bytes };
  }
}

/** @throws LongshoreError `backup-damaged` */
export async function decompressBlock(codec: Codec, { offset, rows, bytes }: FileBlock): Promise<FileBlock> {
  try {
    return { offset, rows, bytes: await BLOCK_CODECS[codec].decompress(bytes) };
  } catch (cause) {
    throw damaged(`a block can not be decompressed (${codec})`, offset, cause);
  }
}
