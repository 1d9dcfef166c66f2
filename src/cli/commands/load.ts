import { type Command, Option } from 'commander';
import { LOAD_MODES } from '../../types.ts';
import { EXIT } from '../exit-codes.ts';
import { openInput } from '../open-input.ts';
import { addReadingOptions, type ReadingOptions } from '../reading-options.ts';
import { type GlobalOptions, openSession, type Session } from '../session.ts';
import { exitCodeOf, showLoad } from '../show-load.ts';
import { uploadFile } from '../upload-file.ts';
import { watchLoad } from '../watch-load.ts';

interface LoadOptions extends GlobalOptions, ReadingOptions {
  readonly table: string;
  readonly mode: string;
  readonly maxRejects?: string;
  readonly force?: boolean;
  readonly wait: boolean;
}

export function addLoadCommand(program: Command): void {
  const command = program
    .command('load')
    .description('send CSV files and load them into a table, one after the other; "-" is standard input')
    .argument('<file...>', 'the files')
    .requiredOption('-t, --table <table>', 'the table')
    .addOption(
      new Option('-m, --mode <mode>', 'what happens to the rows').choices(LOAD_MODES).default('append'),
    )
    .option('--max-rejects <limit>', 'fail the load at more rejects than this: 100, or 1.5%');
  addReadingOptions(command)
    .option('--force', 'load a file even when it was loaded before')
    .option('--wait', 'wait for the end of the load and show it', true)
    .option('--no-wait', 'return once the file is sent')
    .action(async (files: string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<LoadOptions>();
      options.context.exitCode = await loadFiles(files, options);
    });
}

/** Stops at the first file that fails: those after it may need its rows. Returns the exit code. */
async function loadFiles(files: readonly string[], options: LoadOptions): Promise<number> {
  const session = await openSession(options);
  let exitCode: number = EXIT.ok;
  for (const [index, file] of files.entries()) {
    const code = await loadFile(session, file, options);
    exitCode = Math.max(exitCode, code);
    if (code !== EXIT.failed) continue;
    const rest = files.slice(index + 1);
    if (rest.length > 0) session.say(`not sent, after this failure: ${rest.join(', ')}`);
    return code;
  }
  return exitCode;
}

async function loadFile(session: Session, file: string, options: LoadOptions): Promise<number> {
  const started = await uploadFile(session, await openInput(file, 'stdin.csv', options.context), options);
  if (started.existing) {
    const since = started.rulesChanged ? '; the rules of the table have changed since' : '';
    const how = started.readOtherwise ? '; it was read otherwise than is asked for now' : '';
    session.say(
      `${file}: the same file was loaded before, this is that load${since}${how} (--force loads it again)`,
    );
  }
  // What is said above needs no saying again.
  const shown = started.rulesChanged || started.readOtherwise ? { ...started, hint: undefined } : started;
  const load = options.wait ? await watchLoad(session, shown) : shown;
  await showLoad(session, load);
  return exitCodeOf(load);
}
