import type { Steps } from '../in-slices.ts';
import type { CompiledTable } from '../rows/contract.ts';
import type { ReadAs } from '../types.ts';
import type { BatchMode, ReceivedBatch } from './batch.ts';
import type { CheckedBatch, ReadRows } from './checked-batch.ts';
import { readCsvRows } from './read-csv-rows.ts';
import { readJsonRows, readNdjsonRows } from './read-json-rows.ts';

/**
 * Reads a batch and checks its rows with the rules that loads obey. Pure: the same batch gives the same rows in every
 * process. A generator, for `inSlices`: 8 MiB take a good part of a second.
 * @param mode a row of a merge may leave out fields that are required: the table may have them
 * @throws LongshoreError `malformed-body` with line and column, `batch-empty batch-too-large header-mismatch`
 */
export function* readBatch(
  received: ReceivedBatch,
  compiled: CompiledTable,
  mode: BatchMode,
): Steps<CheckedBatch> {
  const body = received.body.startsWith('\ufeff') ? received.body.slice(1) : received.body;
  return { received, ...(yield* READERS[received.format](body, compiled, mode, received.readAs)) };
}

type Reader = (body: string, compiled: CompiledTable, mode: BatchMode, readAs?: ReadAs) => Steps<ReadRows>;

const READERS: Readonly<Record<ReceivedBatch['format'], Reader>> = {
  json: readJsonRows,
  ndjson: readNdjsonRows,
  csv: readCsvRows,
};
