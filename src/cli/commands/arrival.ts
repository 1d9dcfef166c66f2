import { type Command, InvalidArgumentError, Option } from 'commander';
import { ARRIVAL_AFTER, ARRIVAL_ORDERS, FILE_STATES } from '../../arrivals/arrival.ts';
import { LOAD_MODES } from '../../types.ts';
import { plain } from '../format.ts';
import { addReadingOptions, type ReadingOptions, readingOf } from '../reading-options.ts';
import { type GlobalOptions, openSession } from '../session.ts';
import {
  type ArrivalAnswer,
  type ArrivalFileAnswer,
  arrivalTable,
  fileTable,
  summarizeArrival,
} from '../show-arrival.ts';

interface CreateOptions extends GlobalOptions, ReadingOptions {
  readonly prefix: string;
  readonly pattern: string;
  readonly table?: string;
  readonly mode?: string;
  readonly after?: string;
  readonly order?: string;
  readonly maxRejects?: string;
  readonly every?: number;
  readonly stable?: number;
  readonly marker?: string;
  readonly paused?: boolean;
}

interface FilesOptions extends GlobalOptions {
  readonly state?: string;
  readonly table?: string;
  readonly limit: number;
}

const ACTIONS = {
  pause: { description: 'let no other file be taken until it is resumed', done: 'is paused' },
  resume: { description: 'let a paused arrival go on', done: 'goes on' },
  notify: { description: 'let an arrival look now', done: 'looks' },
} as const;

export function addArrivalCommands(program: Command): void {
  const arrival = program.command('arrival').description('places where files come in by themselves');
  arrival
    .command('list')
    .description('show the arrivals')
    .action(async (_options: unknown, command: Command) => list(command.optsWithGlobals()));
  arrival
    .command('show')
    .description('show an arrival, and how its last look went')
    .argument('<id>', "the arrival's ID")
    .action(async (id: string, _options: unknown, command: Command) => {
      const session = await openSession(command.optsWithGlobals<GlobalOptions>());
      const found = await session.api.json<ArrivalAnswer>(pathOf(id));
      session.print(found, () => summarizeArrival(found));
    });
  addCreate(arrival);
  for (const [action, { description, done }] of Object.entries(ACTIONS)) {
    arrival
      .command(action)
      .description(description)
      .argument('<id>', "the arrival's ID")
      .action(async (id: string, _options: unknown, command: Command) => {
        const session = await openSession(command.optsWithGlobals<GlobalOptions>());
        const answer = await session.api.json<ArrivalAnswer>(`${pathOf(id)}/${action}`, { method: 'POST' });
        session.print(answer, () => `Arrival ${id} ${done}.`);
      });
  }
  addFiles(arrival);
  arrival
    .command('delete')
    .description('delete an arrival; files that are being loaded are finished')
    .argument('<id>', "the arrival's ID")
    .action(async (id: string, _options: unknown, command: Command) => {
      const session = await openSession(command.optsWithGlobals<GlobalOptions>());
      await session.api.send(pathOf(id), { method: 'DELETE' });
      session.print({ id, deleted: true }, () => `Arrival ${id} is deleted.`);
    });
}

function addCreate(arrival: Command): void {
  const command = arrival
    .command('create')
    .description('make an arrival')
    .argument('<id>', 'its ID: lower-case letters, digits and hyphens')
    .requiredOption('--prefix <folder>', 'folder of the storage, with a slash at its end: landing/hires/')
    .option('--pattern <pattern>', 'of paths below it: *.csv, **/*.csv, {table}/**', '**')
    .option('-t, --table <table>', 'the table, unless {table} in the pattern says it')
    .addOption(new Option('-m, --mode <mode>', 'what the rows do to the table').choices(LOAD_MODES))
    .addOption(
      new Option('--after <after>', 'what becomes of a file that is loaded (move)').choices(ARRIVAL_AFTER),
    )
    .addOption(new Option('--order <order>', 'which of several comes first (name)').choices(ARRIVAL_ORDERS))
    .option('--max-rejects <limit>', 'fail a load at more rejects than this: 100, 1.5%, none');
  addReadingOptions(command)
    .option('--every <seconds>', 'between two looks (60)', parseSeconds)
    .option('--stable <seconds>', 'how long a file has to stay the same (5)', parseSeconds)
    .option('--marker <name>', 'a file that has to be there first: _SUCCESS, {name}.ok')
    .option('--paused', 'let it begin only when it is resumed')
    .action(async (id: string, _options: unknown, command: Command) => {
      await create(id, command.optsWithGlobals<CreateOptions>());
    });
}

function addFiles(arrival: Command): void {
  arrival
    .command('files')
    .description('show what has come, when, and what became of it')
    .argument('<id>', "the arrival's ID")
    .addOption(new Option('--state <state>', 'only files in this state').choices(FILE_STATES))
    .option('-t, --table <table>', 'only files of this table')
    .option('--limit <files>', 'how many', parseLimit, 20)
    .action(async (id: string, _options: unknown, command: Command) => {
      await files(id, command.optsWithGlobals<FilesOptions>());
    });
  arrival
    .command('retry')
    .description('load a file once more that failed or was skipped')
    .argument('<id>', "the arrival's ID")
    .argument('<file>', "the file's ID, as `longshore arrival files` shows it")
    .option('--force', 'also where the same content was loaded before')
    .action(async (id: string, file: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { force?: boolean }>();
      const session = await openSession(options);
      const query = options.force ? '?force=true' : '';
      const path = `${pathOf(id)}/files/${encodeURIComponent(file)}/retry${query}`;
      const answer = await session.api.json<ArrivalFileAnswer>(path, { method: 'POST' });
      session.print(answer, () => `File ${answer.id} is loaded again: ${plain(answer.path)}`);
    });
}

async function list(options: GlobalOptions): Promise<void> {
  const session = await openSession(options);
  const { arrivals } = await session.api.json<{ arrivals: ArrivalAnswer[] }>('/v1/arrivals?limit=500');
  session.print({ arrivals }, () => arrivalTable(arrivals));
}

async function files(id: string, { state, table, limit, ...options }: FilesOptions): Promise<void> {
  const session = await openSession(options);
  const query = new URLSearchParams({ limit: String(limit) });
  if (state !== undefined) query.set('state', state);
  if (table !== undefined) query.set('table', table);
  const answer = await session.api.json<{ files: ArrivalFileAnswer[] }>(`${pathOf(id)}/files?${query}`);
  session.print(answer, () => (answer.files.length === 0 ? 'No files.' : fileTable(answer.files)));
}

async function create(id: string, options: CreateOptions): Promise<void> {
  const session = await openSession(options);
  const { prefix, pattern, table, mode, after, order, maxRejects, every, stable, marker, paused } = options;
  const dialect = readingOf(options);
  const made = await session.api.json<ArrivalAnswer>('/v1/arrivals', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ id, prefix, pattern, table, mode, after, order, maxRejects, marker, paused },
      ...(Object.keys(dialect).length > 0 && { dialect }),
      everySeconds: every,
      stableSeconds: stable,
    }),
  });
  session.print(made, () => summarizeArrival(made));
}

function parseSeconds(text: string): number {
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a number of seconds');
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= 500) return limit;
  throw new InvalidArgumentError('expected a number from 1 to 500');
}

function pathOf(id: string): string {
  return `/v1/arrivals/${encodeURIComponent(id)}`;
}
