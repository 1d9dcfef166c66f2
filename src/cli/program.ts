import { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { addAddCommand } from './commands/add.ts';
import { addArrivalCommands } from './commands/arrival.ts';
import { addBackupCommands } from './commands/backup.ts';
import { addCheckCommand } from './commands/check.ts';
import { addControlCommands } from './commands/control.ts';
import { addCopyCommands } from './commands/copies.ts';
import { addDictionaryCommands } from './commands/dictionary.ts';
import { addInferCommand } from './commands/infer.ts';
import { addInsertCommand } from './commands/insert.ts';
import { addKeyCommands } from './commands/key.ts';
import { addLoadCommand } from './commands/load.ts';
import { addPgCommand } from './commands/pg.ts';
import { addRejectsCommand } from './commands/rejects.ts';
import { addReportCommands } from './commands/report.ts';
import { addRestoreCommands } from './commands/restore.ts';
import { addScheduleCommands } from './commands/schedule.ts';
import { addStatusCommand } from './commands/status.ts';
import { addTableCommands } from './commands/table.ts';
import { addTablesCommand } from './commands/tables.ts';
import type { CommandContext } from './context.ts';
import { EXIT_HELP } from './exit-codes.ts';

/** The command-line client with all its commands, which find `context` among their options. */
export function program(context: CommandContext): Command {
  const root = new Command('longshore')
    .description('Brings CSV files and rows into PostgreSQL, through a running Longshore.')
    .version(packageJson.version)
    .option('--url <url>', 'address of the platform')
    .option('--key <key>', 'the key; better in LONGSHORE_KEY, as options show in the list of processes')
    .option('--json', 'print data as JSON, one document a line')
    .addHelpText('after', EXIT_HELP)
    .showHelpAfterError('(longshore --help shows how it is used)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    })
    .setOptionValue('context', context);
  addAddCommand(root);
  addInferCommand(root);
  addLoadCommand(root);
  addInsertCommand(root);
  addStatusCommand(root);
  addRejectsCommand(root);
  addTablesCommand(root);
  addTableCommands(root);
  addCheckCommand(root);
  addDictionaryCommands(root);
  addControlCommands(root);
  addBackupCommands(root);
  addRestoreCommands(root);
  addCopyCommands(root);
  addReportCommands(root);
  addScheduleCommands(root);
  addArrivalCommands(root);
  addKeyCommands(root);
  addPgCommand(root);
  return root;
}
