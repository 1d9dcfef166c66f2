import { ERRORS, LongshoreError } from '../errors.ts';
import { CliError, EXIT } from './exit-codes.ts';

/** What a file has wrong, as a person reads it at a terminal. */
export async function readingErrors<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (signal.aborted) throw new CliError(EXIT.interrupted, 'interrupted: nothing was sent');
    if (!(error instanceof LongshoreError)) throw error;
    const { title, remedy } = ERRORS[error.code];
    throw new CliError(EXIT.usage, `${title} (${error.code})\n  ${error.message}\n  ${remedy}`, {
      cause: error,
    });
  }
}
