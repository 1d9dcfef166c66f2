import type { Steps } from '../in-slices.ts';
import type { CompiledTable } from '../rows/contract.ts';
import type { BatchMode, BatchReject, ReceivedBatch } from './batch.ts';
import { readCsvRows } from './read-csv-rows.ts';
import { readJsonRows, readNdjsonRows } from './read-json-rows.ts';

/** A row that obeys every rule that it can be checked for by itself. */
export interface GoodRow {
  /** Of the row in its batch, from 0. */
  readonly index: number;
  /** In the dictionary's order of the fields, as the text that PostgreSQL's input functions take. */
  readonly values: readonly (string | null)[];
  /**
   * In a merge, for each field `1` when the row has it, `0` when it leaves it as it is in the table; absent: it has all.
   */
  readonly given?: string;
}

/** A batch whose rows were checked one by one. What only the table can tell (keys, references) comes at the commit. */
export interface CheckedBatch {
  readonly received: ReceivedBatch;
  /** What its cells are called, when it is CSV with columns that are not the table's fields in their order; else null. */
  readonly header: readonly string[] | null;
  /** Rows of the batch: `good` and `rejects` together. */
  readonly sent: number;
  /** By index. */
  readonly good: readonly GoodRow[];
  /** By index. */
  readonly rejects: readonly BatchReject[];
  /** A row as it was sent: JSON text, of an object or, from CSV, an array of cells. */
  rowText(index: number): string;
}

/** What the readers of the formats give. */
export type ReadRows = Omit<CheckedBatch, 'received'>;

/**
 * Reads a batch and checks its rows with the rules that loads obey. Pure: the same batch gives the same rows in every
 * process. In steps, for `inSlices`: 8 MiB take a good part of a second.
 * @param mode a row of a merge may leave out fields that are required: the table may have them
 * @throws LongshoreError `malformed-body` with line and column, `batch-empty batch-too-large header-mismatch`
 */
export function* readBatch(
  received: ReceivedBatch,
  compiled: CompiledTable,
  mode: BatchMode,
): Steps<CheckedBatch> {
  const body = received.body.startsWith('\ufeff') ? received.body.slice(1) : received.body;
  return { received, ...(yield* READERS[received.format](body, compiled, mode)) };
}

const READERS: Readonly<
  Record<ReceivedBatch['format'], (body: string, compiled: CompiledTable, mode: BatchMode) => Steps<ReadRows>>
> = {
  json: readJsonRows,
  ndjson: readNdjsonRows,
  csv: readCsvRows,
};
