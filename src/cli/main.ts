import { Command, CommanderError } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { addBackupCommands } from './commands/backup.ts';
import { addControlCommands } from './commands/control.ts';
import { addInsertCommand } from './commands/insert.ts';
import { addKeyCommands } from './commands/key.ts';
import { addLoadCommand } from './commands/load.ts';
import { addRejectsCommand } from './commands/rejects.ts';
import { addRestoreCommands } from './commands/restore.ts';
import { addScheduleCommands } from './commands/schedule.ts';
import { addStatusCommand } from './commands/status.ts';
import { addTablesCommand } from './commands/tables.ts';
import { CliError, EXIT, EXIT_HELP } from './exit-codes.ts';
import { plain } from './format.ts';

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

function program(): Command {
  const root = new Command('longshore')
    .description('Brings CSV files and rows into PostgreSQL, through a running Longshore.')
    .version(packageJson.version)
    .option('--url <url>', 'address of the platform')
    .option('--key <key>', 'the key; better in LONGSHORE_KEY, as options show in the list of processes')
    .option('--json', 'print data as JSON, one document a line')
    .addHelpText('after', EXIT_HELP)
    .showHelpAfterError('(longshore --help shows how it is used)')
    .exitOverride();
  addLoadCommand(root);
  addInsertCommand(root);
  addStatusCommand(root);
  addRejectsCommand(root);
  addTablesCommand(root);
  addControlCommands(root);
  addBackupCommands(root);
  addRestoreCommands(root);
  addScheduleCommands(root);
  addKeyCommands(root);
  return root;
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
