import { CommanderError } from 'commander';
import { CliError, EXIT } from './exit-codes.ts';
import { plain } from './format.ts';
import { program } from './program.ts';

// `longshore rejects 5 --csv | head` closes the pipe early; that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? EXIT.ok);
  throw error;
});

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Says what went wrong, and returns the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) {
    // Commander has said it already; help and version are no errors.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`longshore: ${text.split('\n').map(plain).join('\n')}\n`);
  return error instanceof CliError ? error.exitCode : EXIT.failed;
}
