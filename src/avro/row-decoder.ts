import { viewOf } from '../db/copy-binary.ts';
import { LongshoreError } from '../errors.ts';
import type { ColumnType } from '../rows/column-type.ts';
import type { Table } from '../types.ts';
import type { RowChecksum } from './checksum.ts';
import { damaged } from './damaged.ts';
import { type DecodingRow, PLAIN_FIELD_BYTES, readCell } from './decode-cell.ts';
import type { FileBlock } from './read-container.ts';
import type { Resolution } from './resolve.ts';
import type { VarintFault } from './varint.ts';

const PIECE_BYTES = 128 * 1024;
/** Rows of a usual size that end a piece fit in here. */
const PIECE_ROOM = PIECE_BYTES + 32 * 1024;

/** How a slot marks null. */
const NO_UNION = -1;
const NOT_IN_FILE = -2;

/** Turns the rows of blocks into tuples of binary COPY. */
export class RowDecoder implements DecodingRow {
  rows = 0;
  /** The block, decompressed, and what was read of it. */
  bytes: Buffer = Buffer.alloc(0);
  end = 0;
  at = 0;
  high = 0;
  low = 0;
  target = Buffer.allocUnsafeSlow(PIECE_ROOM);
  targetView = viewOf(this.target);

  readonly #table: Table;
  readonly #resolution: Resolution;
  readonly #checksum: RowChecksum;
  readonly #types: readonly ColumnType[];
  /** A slot's union branch of null as it stands in the file (zigzag), or `NO_UNION`, or `NOT_IN_FILE`. */
  readonly #nulls: readonly number[];
  readonly #nullable: readonly boolean[];
  /** Where each slot ends in `target`; only of a row whose slots are out of order. */
  readonly #slotEnds: Int32Array;
  #length = 0;
  #block: FileBlock = { offset: 0, rows: 0, bytes: this.bytes };
  #slot = 0;

  constructor(table: Table, resolution: Resolution, checksum: RowChecksum) {
    this.#table = table;
    this.#resolution = resolution;
    this.#checksum = checksum;
    const { slots } = resolution;
    this.#types = slots.map(({ column }) => column.type);
    this.#nulls = slots.map(({ field }) => {
      if (!field) return NOT_IN_FILE;
      return field.nullBranch === null ? NO_UNION : field.nullBranch * 2;
    });
    this.#nullable = slots.map(({ column }) => column.nullable);
    this.#slotEnds = new Int32Array(slots.length);
  }

  /** The tuples of a block, in pieces of whole tuples. A piece is valid until the next one is requested. */
  *decode(block: FileBlock): Generator<Buffer, void> {
    this.#block = block;
    this.bytes = block.bytes;
    this.end = block.bytes.length;
    this.at = 0;
    // Every row takes a byte at least, so that a wrong count is no endless loop.
    if (block.rows > this.end) throw this.#damaged(`${block.rows} rows are more than its bytes`);
    for (let row = 0; row < block.rows; row++) {
      const start = this.#length;
      this.#decodeRow(start);
      this.#checksum.add(this.targetView, start, this.#length);
      if (this.#length >= PIECE_BYTES) yield this.#takePiece();
    }
    if (this.at !== this.end) throw this.#damaged(`${this.end - this.at} bytes are left behind its last row`);
    if (this.#length > 0) yield this.#takePiece();
  }

  reserve(at: number, bytes: number): void {
    const needed = at + bytes + this.#types.length * PLAIN_FIELD_BYTES;
    if (needed <= this.target.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.target.length));
    this.target.copy(larger, 0, 0, at);
    this.target = larger;
    this.targetView = viewOf(larger);
  }

  fail(fault: VarintFault): never {
    throw this.#damaged(
      `${this.#place()} ${fault === 'cut' ? 'goes on behind the end' : 'is no number of its type'}`,
    );
  }

  failValue(what: string): never {
    throw this.#damaged(`${this.#place()} is ${what}`);
  }

  #takePiece(): Buffer {
    const piece = this.target.subarray(0, this.#length);
    this.#length = 0;
    // It grew for a long row.
    if (this.target.length > PIECE_ROOM) {
      this.target = Buffer.allocUnsafeSlow(PIECE_ROOM);
      this.targetView = viewOf(this.target);
    }
    return piece;
  }

  #decodeRow(start: number): void {
    const types = this.#types;
    const nulls = this.#nulls;
    const { inOrder } = this.#resolution;
    this.reserve(start, 2);
    this.targetView.setInt16(start, types.length);
    let to = start + 2;
    for (let slot = 0; slot < types.length; slot++) {
      this.#slot = slot;
      if (nulls[slot] !== NO_UNION && this.#isNull(slot, nulls[slot]!)) {
        this.targetView.setInt32(to, -1);
        to += 4;
      } else to = readCell(types[slot]!, this, to);
      if (!inOrder) this.#slotEnds[slot] = to;
    }
    if (!inOrder) this.#putInOrder(start + 2, to);
    this.#length = to;
    this.rows++;
  }

  #isNull(slot: number, nullBranch: number): boolean {
    if (nullBranch === NOT_IN_FILE) return true;
    const branch = this.at < this.end ? this.bytes[this.at]! : this.fail('cut');
    this.at++;
    if (branch !== 0 && branch !== 2) this.failValue('of a branch that its union does not have');
    if (branch !== nullBranch) return false;
    if (!this.#nullable[slot]) {
      const { name } = this.#resolution.slots[slot]!.column;
      throw new LongshoreError(
        'restore-mismatch',
        `table ${this.#table.name}: field ${name} is null in row ${this.rows + 1} of the file, and the table requires a value`,
      );
    }
    return true;
  }

  /** Brings the fields [start, end) of `target` from the file's order into the table's. */
  #putInOrder(start: number, end: number): void {
    const fields = Buffer.from(this.target.subarray(start, end));
    const slotAt: number[] = [];
    for (const [slot, { to }] of this.#resolution.slots.entries()) slotAt[to] = slot;
    let put = start;
    for (const slot of slotAt) {
      const from = slot === 0 ? start : this.#slotEnds[slot - 1]!;
      put += fields.copy(this.target, put, from - start, this.#slotEnds[slot]! - start);
    }
  }

  #place(): string {
    return `field ${this.#resolution.slots[this.#slot]!.column.name} of row ${this.rows + 1}`;
  }

  /** The offset is the block's: where in it a row stands is known only of what was decompressed. */
  #damaged(what: string): LongshoreError {
    return damaged(`a block is not what was written: ${what}`, this.#block.offset);
  }
}
