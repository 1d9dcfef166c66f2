import { type Command, Option } from 'commander';
import { CODECS, DEFAULT_CODEC } from '../../avro/codec.ts';
import type { BackupSummary } from '../../backups/backup.ts';
import { EXIT } from '../exit-codes.ts';
import { plain } from '../format.ts';
import { type GlobalOptions, openSession } from '../session.ts';
import { type BackupAnswer, backupTable, exitCodeOfBackup, showBackup, watchBackup } from '../show-backup.ts';

interface BackupOptions extends GlobalOptions {
  readonly codec?: string;
  readonly encrypt?: boolean;
  readonly pin?: boolean;
  readonly wait: boolean;
}

const LISTED = 20;

export function addBackupCommands(program: Command): void {
  program
    .command('backup')
    .description('back up tables to Avro, all of them at one moment; every table when none is named')
    .argument('[table...]', 'the tables')
    .addOption(
      new Option('--codec <codec>', `how parts are compressed; ${DEFAULT_CODEC} when left out`).choices(
        CODECS,
      ),
    )
    .option('--encrypt', 'encrypt it, or refuse (else: whenever the platform has a key)')
    .option('--no-encrypt', 'do not encrypt it')
    .option('--pin', 'keep it until it is unpinned')
    .option('--wait', 'wait for its end and show it', true)
    .option('--no-wait', 'return once it has started')
    .action(async (tables: string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<BackupOptions>();
      options.context.exitCode = await backUp(tables, options);
    });
  const backups = program
    .command('backups')
    .description('show the latest backups')
    .option('-t, --table <table>', 'only backups that hold this table')
    .option('--status <status>', 'only backups of this status, as unverified')
    .action(async (_options: unknown, command: Command) => list(command.optsWithGlobals()));
  backups
    .command('show')
    .description('show a backup and what it holds')
    .argument('<id>', "the backup's ID")
    .action(async (id: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const session = await openSession(options);
      const backup = await session.api.json<BackupAnswer>(`/v1/backups/${encodeURIComponent(id)}`);
      showBackup(session, backup);
      options.context.exitCode = exitCodeOfBackup(backup);
    });
  backups
    .command('adopt')
    .description('take unverified backups on your word; without IDs all for which only a key is missing')
    .argument('[id...]', 'their IDs')
    .action(async (ids: string[], _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      options.context.exitCode = await adopt(ids, options);
    });
}

interface Adopted {
  readonly adopted: readonly string[];
  readonly refused: readonly { readonly id: string; readonly detail: string }[];
}

async function adopt(ids: readonly string[], options: GlobalOptions): Promise<number> {
  const session = await openSession(options);
  const done = await session.api.json<Adopted>('/v1/backups/adopt', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ids: ids.length === 0 ? undefined : ids }),
  });
  session.print(done, () =>
    [
      ...(done.adopted.length + done.refused.length === 0 ? ['Nothing to adopt.'] : []),
      ...done.adopted.map((id) => `${plain(id)}  adopted`),
      ...done.refused.map(({ id, detail }) => `${plain(id)}  refused: ${plain(detail)}`),
    ].join('\n'),
  );
  return done.refused.length === 0 ? EXIT.ok : EXIT.failed;
}

async function backUp(tables: readonly string[], options: BackupOptions): Promise<number> {
  const session = await openSession(options);
  const { codec, encrypt, pin } = options;
  const started = await session.api.json<BackupAnswer>('/v1/backups', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    // What is left out is left to the platform.
    body: JSON.stringify({ tables: tables.length === 0 ? undefined : tables, codec, encrypt, pin }),
  });
  const backup = options.wait ? await watchBackup(session, started) : started;
  showBackup(session, backup);
  return exitCodeOfBackup(backup);
}

interface ListOptions extends GlobalOptions {
  readonly table?: string;
  readonly status?: string;
}

async function list(options: ListOptions): Promise<void> {
  const session = await openSession(options);
  const query = new URLSearchParams({ limit: String(LISTED) });
  if (options.table !== undefined) query.set('table', options.table);
  if (options.status !== undefined) query.set('status', options.status);
  const answer = await session.api.json<{ backups: BackupSummary[] }>(`/v1/backups?${query}`);
  session.print(answer, () =>
    answer.backups.length === 0 ? 'No backups yet.' : backupTable(answer.backups),
  );
}
