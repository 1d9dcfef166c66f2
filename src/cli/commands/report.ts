import { type Command, InvalidArgumentError } from 'commander';
import { CliError, EXIT } from '../exit-codes.ts';
import { formatTime } from '../format.ts';
import { type GlobalOptions, openSession, type Session } from '../session.ts';
import { type ReportAnswer, readPage, reportsTable, rowsTable } from '../show-report.ts';

interface ReportOptions extends GlobalOptions {
  readonly year?: string;
  readonly param: readonly Pair[];
  readonly where: readonly Pair[];
  readonly sort?: string;
  readonly limit?: string;
  readonly csv?: boolean;
}

type Pair = readonly [name: string, value: string];

export function addReportCommands(program: Command): void {
  program
    .command('reports')
    .description('show the reports and how fresh they are')
    .action(async (_options: unknown, command: Command) => {
      const session = await openSession(command.optsWithGlobals<GlobalOptions>());
      const answer = await session.api.json<{ reports: ReportAnswer[] }>('/v1/reports');
      session.print(answer, () =>
        answer.reports.length === 0 ? 'No reports.' : reportsTable(answer.reports),
      );
    });
  program
    .command('report')
    .description("show a report's rows")
    .argument('<name>', "the report's name")
    .option('--year <year>', 'short for --param year=…')
    .option('--param <name=value>', "a parameter's value; may be given several times", addPair, [])
    .option('--where <column=value>', 'only rows with this value; may be given several times', addPair, [])
    .option('--sort <columns>', 'columns to sort by, with a comma between; -hired: descending')
    .option('--limit <rows>', 'how many rows to show')
    .option('--csv', 'print CSV')
    .action(async (name: string, _options: unknown, command: Command) => {
      await show(name, command.optsWithGlobals<ReportOptions>());
    });
}

async function show(name: string, options: ReportOptions): Promise<void> {
  if (options.csv === true && options.json === true) {
    throw new CliError(EXIT.usage, '--csv and --json do not go together');
  }
  const session = await openSession(options);
  const format = options.csv === true ? 'csv' : 'json';
  const path = `/v1/reports/${encodeURIComponent(name)}?${queryOf(options, format)}`;
  const answer = await session.api.send(path, { signal: session.signal });
  const text = await answer.text();
  // Printed as received: parsing and rewriting numbers may round them.
  if (format === 'csv') session.stdout.write(text);
  else if (session.json) session.stdout.write(`${text}\n`);
  else print(session, text);
}

function queryOf({ year, param, where, sort, limit }: ReportOptions, format: string): URLSearchParams {
  const query = new URLSearchParams({ format });
  const given: readonly Pair[] = [
    ...(year === undefined ? [] : [['year', year] as const]),
    ...param,
    ...where,
    ...(sort === undefined ? [] : [['sort', sort] as const]),
    ...(limit === undefined ? [] : [['limit', limit] as const]),
  ];
  for (const [name, value] of given) query.append(name, value);
  return query;
}

function print(session: Session, text: string): void {
  const { data, page, asOf, stale } = readPage(text);
  session.stdout.write(`${data.length === 0 ? 'No rows.' : rowsTable(data)}\n`);
  const shown = data.length < page.total ? `${data.length} of ${page.total} rows, ` : '';
  session.say(`${shown}as of ${formatTime(asOf)} UTC${stale ? '; a refresh is due' : ''}`);
}

function addPair(text: string, before: readonly Pair[]): readonly Pair[] {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected name=value');
  return [...before, [text.slice(0, at), text.slice(at + 1)]];
}
