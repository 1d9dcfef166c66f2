import { ERRORS, LongshoreError } from '../errors.ts';
import { type Inferred, infer } from '../infer/infer.ts';
import { CliError, EXIT } from './exit-codes.ts';
import type { InferInputs } from './infer-inputs.ts';
import { type InferCommandOptions, overridesOf } from './infer-options.ts';
import type { PlatformTables } from './platform-tables.ts';
import type { Progress } from './progress.ts';

/**
 * Infers what files hold as the options say, and shows how much of them is read.
 * @param progress is stopped at the end
 * @param platform of which the tables are looked at for references
 * @throws CliError `usage` with what a file has wrong, as a person reads it at a terminal; `interrupted`
 */
export async function inferWithProgress(
  { sources, bytes }: InferInputs,
  options: InferCommandOptions,
  progress: Progress,
  signal: AbortSignal,
  platform?: PlatformTables,
): Promise<Inferred> {
  try {
    return await infer(sources, {
      overrides: overridesOf(options),
      rules: options.rules,
      signal,
      ...platform,
      progress: (read) => progress.update(read, bytes, ''),
    });
  } catch (error) {
    if (signal.aborted) throw new CliError(EXIT.interrupted, 'interrupted: nothing was sent');
    if (!(error instanceof LongshoreError)) throw error;
    if (error.code === 'invalid-request') throw new CliError(EXIT.usage, error.message, { cause: error });
    const { title, remedy } = ERRORS[error.code];
    throw new CliError(EXIT.usage, `${title} (${error.code})\n  ${error.message}\n  ${remedy}`, {
      cause: error,
    });
  } finally {
    progress.stop();
  }
}
