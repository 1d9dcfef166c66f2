import { type Command, InvalidArgumentError } from 'commander';
import type { LoadAnswer } from '../api-client.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import { type GlobalOptions, openSession } from '../session.ts';
import { exitCodeOf, loadTable, showLoad } from '../show-load.ts';
import { watchLoad } from '../watch-load.ts';

interface StatusOptions extends GlobalOptions {
  readonly watch?: boolean;
  readonly table?: string;
}

const LISTED = 20;

export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .description('show a load, or the latest loads')
    .argument('[id]', "the load's ID", parseLoadId)
    .option('-w, --watch', 'follow the load to its end')
    .option('-t, --table <table>', 'only loads of this table')
    .action(async (id: number | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<StatusOptions>();
      if (id !== undefined) options.context.exitCode = await showOne(id, options);
      else await showLatest(options);
    });
}

/** Argument of every command that takes a load. */
export function parseLoadId(text: string): number {
  if (/^[1-9][0-9]{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected the number of a load');
}

/** The exit code tells how a load that has ended did, as it does for `load`. */
async function showOne(id: number, options: StatusOptions): Promise<number> {
  const session = await openSession(options);
  const seen = await session.api.json<LoadAnswer>(`/v1/loads/${id}`, { signal: session.signal });
  const load = options.watch === true ? await watchLoad(session, seen) : seen;
  await showLoad(session, load);
  return exitCodeOf(load);
}

async function showLatest(options: StatusOptions): Promise<void> {
  if (options.watch === true) throw new CliError(EXIT.usage, '--watch needs the ID of a load');
  const session = await openSession(options);
  const query = new URLSearchParams({ limit: String(LISTED) });
  if (options.table !== undefined) query.set('table', options.table);
  const answer = await session.api.json<{ loads: LoadAnswer[] }>(`/v1/loads?${query}`);
  session.print(answer, () => (answer.loads.length === 0 ? 'No loads yet.' : loadTable(answer.loads)));
}
