import { CommanderError } from 'commander';
import { toolsOwn } from './commands/pg.ts';
import type { CommandContext } from './context.ts';
import { CliError, EXIT } from './exit-codes.ts';
import { plain } from './format.ts';
import { program } from './program.ts';

/**
 * Runs one `longshore` command to its end. Never rejects: errors go to stderr and by the context's exit
 * code.
 * @param args without the names of node and the script
 */
export async function runCommand(args: readonly string[], context: CommandContext): Promise<void> {
  try {
    await program(context).parseAsync(toolsOwn(args), { from: 'user' });
  } catch (error) {
    context.exitCode = report(error, context);
  }
}

/** Says what went wrong, and returns the exit code. */
function report(error: unknown, { stderr }: CommandContext): number {
  if (error instanceof CommanderError) {
    // Commander has said it already; help and version are no errors.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  const text = error instanceof Error ? error.message : String(error);
  stderr.write(`longshore: ${text.split('\n').map(plain).join('\n')}\n`);
  return error instanceof CliError ? error.exitCode : EXIT.failed;
}
