import { type Command, Option } from 'commander';
import { CODECS } from '../../backups/backup.ts';
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
    .addOption(new Option('--codec <codec>', 'how parts are compressed').choices(CODECS))
    .option('--encrypt', 'encrypt it, or refuse (else: whenever the platform has a key)')
    .option('--no-encrypt', 'do not encrypt it')
    .option('--pin', 'keep it until it is unpinned')
    .option('--wait', 'wait for its end and show it', true)
    .option('--no-wait', 'return once it has started')
    .action(async (tables: string[], _options: unknown, command: Command) => {
      process.exitCode = await backUp(tables, command.optsWithGlobals<BackupOptions>());
    });
  const backups = program
    .command('backups')
    .description('show the latest backups')
    .option('-t, --table <table>', 'only backups that hold this table')
    .action(async (_options: unknown, command: Command) => list(command.optsWithGlobals()));
  backups
    .command('show')
    .description('show a backup and what it holds')
    .argument('<id>', "the backup's ID")
    .action(async (id: string, _options: unknown, command: Command) => {
      const session = await openSession(command.optsWithGlobals<GlobalOptions>());
      const backup = await session.api.json<BackupAnswer>(`/v1/backups/${encodeURIComponent(id)}`);
      showBackup(session, backup);
      process.exitCode = exitCodeOfBackup(backup);
    });
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

async function list(options: GlobalOptions & { readonly table?: string }): Promise<void> {
  const session = await openSession(options);
  const query = new URLSearchParams({ limit: String(LISTED) });
  if (options.table !== undefined) query.set('table', options.table);
  const answer = await session.api.json<{ backups: BackupAnswer[] }>(`/v1/backups?${query}`);
  session.print(answer, () =>
    answer.backups.length === 0 ? 'No backups yet.' : backupTable(answer.backups),
  );
}
