import type { Command } from 'commander';
import type { AddOptions } from '../add-files.ts';
import { EXIT } from '../exit-codes.ts';
import { addInferOptions } from '../infer-options.ts';

export function addAddCommand(program: Command): void {
  addInferOptions(
    program
      .command('add')
      .description(
        'make tables of CSV files: find out what they hold, show it, ask, create the tables on the running platform and ' +
          'load the files. Running the same command again goes on where it was interrupted. "-" is standard input',
      )
      .argument('<file...>', 'the files'),
  )
    .option('-y, --yes', 'do not ask')
    .option('--max-rejects <limit>', 'fail a load at more rejects than this: 100, or 1.5%')
    .action(async (files: string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<AddOptions>();
      const { addFiles } = await import('../add-files.ts');
      options.context.exitCode = Math.max(EXIT.ok, await addFiles(files, options));
    });
}
