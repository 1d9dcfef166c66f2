import { LongshoreError } from '../errors.ts';

/** A file that is no longer what was written: what is wrong, and where in the file. */
export function damaged(what: string, offset: number, cause?: unknown): LongshoreError {
  return new LongshoreError('backup-damaged', `${what} (at byte ${offset} of the file)`, { cause });
}
