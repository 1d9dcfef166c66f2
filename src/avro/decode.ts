import { COPY_HEADER, COPY_TRAILER } from '../db/copy-binary.ts';
import { freeMemory } from '../free-memory.ts';
import type { Table } from '../types.ts';
import { ByteReader } from './byte-reader.ts';
import { RowChecksum } from './checksum.ts';
import { BLOCKS_AHEAD } from './codec.ts';
import type { AvroTotals } from './encode.ts';
import { mapAhead } from './map-ahead.ts';
import { decompressBlock, readBlocks, readHeader } from './read-container.ts';
import { resolve } from './resolve.ts';
import { RowDecoder } from './row-decoder.ts';

/**
 * The reverse of `encodeAvro`: reads a container file and gives, piece by piece, what
 * `copy … (<columnsOf(table)>) from stdin (format binary)` takes, header and trailer included. The file may be
 * another writer's, or of an older dictionary: `src/avro/resolve.ts` says what fits. The checksum is taken of the
 * tuples as they go out. A piece is the reader's until it asks for the next. The reader of the file is told when it is
 * not read to its end.
 *
 * @throws LongshoreError `backup-damaged`, with what is wrong and where; `restore-mismatch`. What was given out until
 *   then is good for nothing: no trailer follows, so that PostgreSQL refuses it.
 */
export async function* decodeAvro(
  file: AsyncIterable<Buffer>,
  { table }: { readonly table: Table },
): AsyncGenerator<Buffer, AvroTotals> {
  const reader = new ByteReader(file);
  const checksum = new RowChecksum();
  try {
    const { schema, codec, sync } = await readHeader(reader);
    const decoder = new RowDecoder(table, resolve(schema, table), checksum);
    yield COPY_HEADER;
    const blocks = mapAhead(readBlocks(reader, sync), (block) => decompressBlock(codec, block), BLOCKS_AHEAD);
    for await (const block of blocks) {
      yield* decoder.decode(block);
      // What was not compressed lies in the file's piece.
      if (codec !== 'null') freeMemory(block.bytes);
    }
    yield COPY_TRAILER;
    return { rows: decoder.rows, checksum: checksum.hex() };
  } finally {
    await reader.close();
  }
}
