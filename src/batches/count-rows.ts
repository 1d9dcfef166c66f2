import { LongshoreError } from '../errors.ts';
import { MAX_BATCH_ROWS } from './batch.ts';

/** @throws LongshoreError `batch-empty batch-too-large` */
export function refuseCount(rows: number): void {
  if (rows === 0) throw new LongshoreError('batch-empty', 'expected at least one row, received none');
  if (rows > MAX_BATCH_ROWS) throw tooManyRows();
}

export function tooManyRows(): LongshoreError {
  return new LongshoreError('batch-too-large', `expected at most ${MAX_BATCH_ROWS} rows, received more`);
}
