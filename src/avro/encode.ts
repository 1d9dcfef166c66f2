import { randomBytes } from 'node:crypto';
import { type CopyInput, checkEnd, notCopy, type TupleSource } from '../db/copy-binary.ts';
import { LongshoreError } from '../errors.ts';
import { freeMemory } from '../free-memory.ts';
import type { ColumnType } from '../rows/column-type.ts';
import type { Table } from '../types.ts';
import { RowChecksum } from './checksum.ts';
import type { Codec } from './codec.ts';
import { BLOCK_BYTES, BLOCK_CODECS, BLOCKS_AHEAD, MAX_ROW_BYTES } from './codec.ts';
import { blockHeader, CODEC_KEY, containerHeader, SCHEMA_KEY } from './container.ts';
import { type EncodingRow, plainRoom, UNFIT, writeCell } from './encode-cell.ts';
import { mapAhead } from './map-ahead.ts';
import { avroSchemaOf, type Column, columnsWithTypes } from './schema.ts';

/** Rows of a usual size that end a block fit in here. */
const BLOCK_ROOM = BLOCK_BYTES + 64 * 1024;

export interface EncodeOptions {
  readonly table: Table;
  readonly codec: Codec;
  /** Of the file: names that begin with `avro.` are the format's own. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The longest row, as Avro. Default `MAX_ROW_BYTES`, as readers expect; tests make it small. */
  readonly maxRowBytes?: number;
}

/** What went through. The checksum is that of `src/avro/checksum.ts`. */
export interface AvroTotals {
  readonly rows: number;
  readonly checksum: string;
}

/** Its bytes are the first `length` of the room. */
interface Block {
  readonly rows: number;
  readonly room: Buffer<ArrayBuffer>;
  readonly length: number;
}

/**
 * Makes an Avro object container file (Avro 1.12, "Object Container Files") of what
 * `copy (select <columnsOf(table)> …) to stdout (format binary)` sends. Blocks are compressed in the thread pool while
 * the next are filled; a few MiB are in memory, and the longest row. A piece is the reader's until it asks for the next.
 * The source is closed at the end, however that comes.
 *
 * @throws LongshoreError `backup-value` for a value that Avro can't carry and for a row that is too long;
 *   `dictionary-conflict` where a column is of another type than the dictionary says, or null where it must not be;
 *   `internal` for what is no such copy
 */
export async function* encodeAvro(
  source: TupleSource,
  { table, codec, metadata, maxRowBytes = MAX_ROW_BYTES }: EncodeOptions,
): AsyncGenerator<Buffer, AvroTotals> {
  const sync = randomBytes(16);
  const schema = JSON.stringify(avroSchemaOf(table));
  const header = (used: Codec) =>
    containerHeader({ ...metadata, [SCHEMA_KEY]: schema, [CODEC_KEY]: used }, sync);
  const encoder = new RowEncoder(source.input, table, maxRowBytes);
  const { compress } = BLOCK_CODECS[codec];
  const store = async (block: Block) => ({
    block,
    stored: await compress(block.room.subarray(0, block.length)),
  });
  let begun = false;
  for await (const { block, stored } of mapAhead(blocksOf(source, encoder), store, BLOCKS_AHEAD)) {
    if (!begun) yield header(codec);
    begun = true;
    yield blockHeader(
      block.rows,
      stored.reduce((sum, { length }) => sum + length, 0),
    );
    yield* stored;
    yield sync;
    // Two pieces may lie in one memory.
    for (const piece of stored) if (piece.buffer !== block.room.buffer) freeMemory(piece);
    encoder.reuse(block.room);
  }
  // Without rows nothing is compressed: polars fails on such a file that says deflate, and others would need the codec.
  if (!begun) yield header('null');
  return { rows: encoder.rows, checksum: encoder.checksum.hex() };
}

async function* blocksOf(source: TupleSource, encoder: RowEncoder): AsyncGenerator<Block, void> {
  try {
    while (await source.more()) {
      while (encoder.fillBlock()) yield encoder.takeBlock();
    }
    checkEnd(source.input);
    const last = encoder.takeBlock();
    if (last.rows > 0) yield last;
  } finally {
    await source.close();
  }
}

/** Encodes the tuples of `input`, block by block. */
class RowEncoder implements EncodingRow {
  /** Of the input, which takes a larger buffer where it must. */
  bytes: Buffer;
  view: DataView;
  readonly checksum = new RowChecksum();
  rows = 0;
  target = Buffer.allocUnsafeSlow(BLOCK_ROOM);

  readonly #input: CopyInput;
  readonly #table: Table;
  readonly #maxRowBytes: number;
  readonly #columns: readonly Column[];
  readonly #types: readonly ColumnType[];
  readonly #nullable: readonly boolean[];
  readonly #spare: Buffer<ArrayBuffer>[] = [];
  #length = 0;
  #rowsBefore = 0;

  constructor(input: CopyInput, table: Table, maxRowBytes: number) {
    this.#input = input;
    this.bytes = input.bytes;
    this.view = input.view;
    this.#table = table;
    this.#maxRowBytes = maxRowBytes;
    this.#columns = columnsWithTypes(table);
    this.#types = this.#columns.map(({ type }) => type);
    this.#nullable = this.#columns.map(({ nullable }) => nullable);
  }

  /** Encodes whole tuples until the block is full (true) or there are no more. */
  fillBlock(): boolean {
    const { checksum } = this;
    const input = this.#input;
    const columns = this.#columns.length;
    this.bytes = input.bytes;
    this.view = input.view;
    while (this.#length < BLOCK_BYTES) {
      if (!input.nextTuple(columns)) return false;
      const { tupleStart, tupleEnd } = input;
      checksum.add(input.view, tupleStart, tupleEnd);
      this.#encodeRow(tupleStart, tupleEnd);
    }
    return true;
  }

  /** The rows since the last block; another begins. */
  takeBlock(): Block {
    const block = { rows: this.rows - this.#rowsBefore, room: this.target, length: this.#length };
    this.target = this.#spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_ROOM);
    this.#length = 0;
    this.#rowsBefore = this.rows;
    return block;
  }

  /** Takes back a block's room: new memory outside the heap makes V8 collect garbage again and again. */
  reuse(room: Buffer<ArrayBuffer>): void {
    if (room.length === BLOCK_ROOM) this.#spare.push(room);
  }

  reserve(at: number, bytes: number): void {
    const { tupleStart, tupleEnd } = this.#input;
    const needed = at + bytes + plainRoom(tupleEnd - tupleStart, this.#columns.length);
    if (needed <= this.target.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.target.length));
    this.target.copy(larger, 0, 0, at);
    this.target = larger;
  }

  #encodeRow(start: number, end: number): void {
    this.reserve(this.#length, 0);
    const types = this.#types;
    const nullable = this.#nullable;
    const { view } = this;
    let from = start + 2;
    let to = this.#length;
    for (let column = 0; column < types.length; column++) {
      const length = view.getInt32(from);
      from += 4;
      if (length > end - from) break;
      if (length < 0) {
        if (!nullable[column]) throw this.#nullInRequired(column);
        this.target[to++] = 0;
        continue;
      }
      // The second branch of the union, as a zigzag number.
      if (nullable[column]) this.target[to++] = 2;
      const after = writeCell(types[column]!, this, from, length, to);
      if (after < 0) throw this.#fault(column, after);
      to = after;
      from += length;
    }
    if (from !== end) throw notCopy('a row whose fields do not end where it ends');
    if (to - this.#length > this.#maxRowBytes) throw this.#tooLong();
    this.#length = to;
    this.rows++;
  }

  #nullInRequired(column: number): LongshoreError {
    return new LongshoreError(
      'dictionary-conflict',
      `${this.#place(column)} is null, and the dictionary requires a value`,
    );
  }

  #tooLong(): LongshoreError {
    return new LongshoreError(
      'backup-value',
      `table ${this.#table.name}: row ${this.rows + 1} of the copy is longer than ${this.#maxRowBytes} bytes`,
    );
  }

  #fault(column: number, fault: number): LongshoreError {
    const { type } = this.#columns[column]!;
    if (fault !== UNFIT) {
      const message = `${this.#place(column)} is not the ${type} that the dictionary describes`;
      return new LongshoreError('dictionary-conflict', message);
    }
    const range = type === 'date' ? 'infinity or -infinity' : 'infinity, -infinity or after the year 294246';
    return new LongshoreError('backup-value', `${this.#place(column)} is a ${type} that is ${range}`);
  }

  /** No row data: which row it is follows from its number in the order of the copy. */
  #place(column: number): string {
    return `table ${this.#table.name}, column ${this.#columns[column]!.name}, row ${this.rows + 1} of the copy`;
  }
}
