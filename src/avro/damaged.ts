import { LongshoreError } from '../errors.ts';

/** The error of a file that is no longer as it was written, with the fault and its place. */
export function damaged(what: string, offset: number, cause?: unknown): LongshoreError {
  return new LongshoreError('backup-damaged', `${what} (at byte ${offset} of the file)`, { cause });
}
