import { readTableAs } from '../dictionary/read-as.ts';
import { LongshoreError } from '../errors.ts';
import { inSlices } from '../in-slices.ts';
import { BEGINNING_BYTES, findReading } from '../infer/find-reading.ts';
import { hintFor } from '../reading-words.ts';
import type { Table } from '../types.ts';
import type { EndedBatch } from './batch.ts';
import type { NewBatch } from './batch-service.ts';

/** From so large a share of rejects on, most often the whole body is not as its table says. */
const MANY = 0.1;

type CsvBatch = Pick<NewBatch, 'mode' | 'format' | 'readAs' | 'body'> & { readonly table: Table };

/** How a CSV seems to be written whose rows or header were refused, and what reads it so; null: nothing is clear. */
async function hintOfBatch({ table, mode, format, readAs = null, body }: CsvBatch): Promise<string | null> {
  if (format !== 'csv') return null;
  // The body has been decoded, whatever it was in.
  const read = { ...readTableAs(table, readAs), encoding: 'utf-8' };
  const beginning = Buffer.from(body.slice(0, BEGINNING_BYTES));
  const whole = body.length <= BEGINNING_BYTES;
  const seems = await inSlices(findReading({ beginning, whole, table: read, mode, isText: true }));
  return seems && hintFor(seems, read, readAs, 'the body');
}

/** Of a batch of which many rows, or the first one, were rejected. */
export async function hintOfRejects(batch: CsvBatch, { view, rejects }: EndedBatch): Promise<string | null> {
  const { sent, rejected } = view.rows;
  if (rejected === 0 || (rejected < MANY * (sent ?? 0) && rejects[0]?.index !== 0)) return null;
  return hintOfBatch(batch);
}

/** The error of a batch that was refused for its header, with how it seems to be written. */
export async function withHint(error: unknown, batch: CsvBatch): Promise<unknown> {
  if (!(error instanceof LongshoreError) || error.code !== 'header-mismatch') return error;
  const hint = await hintOfBatch(batch);
  if (hint === null) return error;
  return new LongshoreError(error.code, `${error.message}; ${hint}`, { places: error.places, cause: error });
}
