import { randomBytes } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type BatchMode, MAX_BATCH_ROWS } from '../../batches/batch.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import { noRejectsFile, openRejectsFile } from '../insert/rejects-file.ts';
import { runInsert } from '../insert/run-insert.ts';
import { PassingError } from '../insert/send-batch.ts';
import { describeInsert, insertDocument } from '../insert/show-insert.ts';
import { type Input, openInput } from '../open-input.ts';
import { type GlobalOptions, openSession } from '../session.ts';

interface InsertOptions extends GlobalOptions {
  readonly mode: BatchMode;
  readonly batch: number;
  readonly clients?: number;
  readonly strict?: boolean;
  readonly rejects?: string;
  /** Milliseconds */
  readonly retryFor: number;
  readonly again?: boolean;
  readonly run?: string;
}

const CLIENTS = 4;
const MAX_CLIENTS = 64;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

export function addInsertCommand(program: Command): void {
  program
    .command('insert')
    .description(
      'send rows in batches: a JSON object a line (NDJSON). Running the same command again goes on where it was ' +
        'interrupted: for 7 days, rows that are in already are not inserted twice',
    )
    .argument('<table>', 'the table')
    .argument('<file>', 'the file; "-" is standard input')
    .addOption(
      new Option('-m, --mode <mode>', 'what happens to the rows')
        .choices(['append', 'merge'])
        .default('append'),
    )
    .option('--batch <rows>', 'rows a batch, 1 to 1000', wholeNumber(1, MAX_BATCH_ROWS), 500)
    .option(
      '--clients <count>',
      `batches sent at once (${CLIENTS}; for a merge 1, so that later rows win)`,
      wholeNumber(1, MAX_CLIENTS),
    )
    .option('--strict', 'all or nothing: a bad row keeps the others of its batch out, too')
    .option('--rejects <file>', 'write rejected rows into this file, as NDJSON with line, row and errors')
    .addOption(
      new Option('--retry-for <time>', 'how long to try again a batch that fails: 90s, 5m, 1h')
        .argParser(duration)
        .default(300_000, '5m'),
    )
    .addOption(new Option('--again', 'insert the same rows of the same file once more').conflicts('run'))
    .option('--run <id>', 'go on with a run that was begun with --again')
    .action(async (table: string, file: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<InsertOptions>();
      options.context.exitCode = await insert(table, file, options);
    });
}

function wholeNumber(minimum: number, maximum: number) {
  return (text: string): number => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`expected a number from ${minimum} to ${maximum}`);
  };
}

function duration(text: string): number {
  const match = /^(\d{1,6})([smh])$/.exec(text);
  if (match === null) throw new InvalidArgumentError('expected a time such as 90s, 5m or 1h');
  return Number(match[1]) * UNIT_MS[match[2]!]!;
}

async function insert(table: string, file: string, options: InsertOptions): Promise<number> {
  const { context } = options;
  if (options.rejects !== undefined && context.resolve(options.rejects) === context.resolve(file)) {
    throw new CliError(EXIT.usage, 'the rejects can not go into the file that is read');
  }
  const session = await openSession(options);
  const input = await openInput(file, 'stdin.ndjson', context);
  const rejectsFile =
    options.rejects === undefined ? noRejectsFile : await openRejectsFile(options.rejects, context);
  const { mode } = options;
  const run = options.run ?? (options.again === true ? randomBytes(6).toString('hex') : null);
  const end = await runInsert(session, {
    input,
    rejectsFile,
    identity: { table, mode, strict: options.strict ?? false, path: input.path, run },
    batchRows: options.batch,
    clients: options.clients ?? (mode === 'merge' ? 1 : CLIENTS),
    retryForMs: options.retryFor,
  });
  const { failure, ...summary } = end;
  const shown = { table, mode, file: input.name, ...summary, complete: failure === null, run };
  session.print(insertDocument(shown), () => describeInsert(shown));
  if (failure !== null) throw withWayOn(failure, input, options, run);
  return end.rows.rejected + end.rows.discarded > 0 ? EXIT.rejects : EXIT.ok;
}

/** The error that ended the run, with how the next one continues. */
function withWayOn(failure: CliError, input: Input, options: InsertOptions, run: string | null): CliError {
  const same = input.path === null ? 'the same command with the same input' : 'the same command';
  const how = options.again === true ? `${same}, with --run ${run} in place of --again,` : same;
  const first = failure instanceof PassingError ? '' : 'this has to be put right first; then ';
  return new CliError(
    failure.exitCode,
    `${failure.message}\nnot everything was sent: ${first}${how} goes on, and inserts no row twice`,
    { cause: failure },
  );
}
