import type { ReadOptions } from '../csv/read-records.ts';
import type { Chunk, Dialect } from '../types.ts';
import type { CompiledTable } from './contract.ts';

export interface EncodeInput extends ReadOptions {
  /** The chunk's range of the file; of an `oversize` chunk its beginning (`OVERSIZE_PREVIEW_BYTES`) is enough. */
  readonly bytes: Buffer;
  readonly chunk: Pick<Chunk, 'firstLine' | 'quotes' | 'oversize'>;
  readonly compiled: CompiledTable;
  /** The record's cell for each field, -1 where the file does not have the field. */
  readonly columns: readonly number[];
  /** How many cells a record should have. */
  readonly width: number;
  readonly dialect: Dialect;
  readonly encoding: string;
}
