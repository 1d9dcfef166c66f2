import type { Command } from 'commander';
import { CliError, EXIT } from '../exit-codes.ts';
import { type GlobalOptions, openSession, type Session } from '../session.ts';
import type { BackupAnswer } from '../show-backup.ts';
import { exitCodeOfBackup, showBackup } from '../show-backup.ts';
import {
  exitCodeOfRestore,
  type RestoreAnswer,
  restoreTable,
  showRestore,
  watchRestore,
} from '../show-restore.ts';

interface RestoreOptions extends GlobalOptions {
  readonly from?: string;
  readonly backup?: string;
  readonly tables?: string;
  readonly as?: string;
  readonly row?: readonly string[];
  readonly dryRun?: boolean;
  readonly safety: boolean;
  readonly compare?: boolean;
  readonly acceptUnverified?: boolean;
  readonly acceptBrokenRows?: boolean;
  readonly before?: string;
  readonly wait: boolean;
}

interface VerifyOptions extends GlobalOptions {
  readonly acceptUnverified?: boolean;
}

const LISTED = 20;

export function addRestoreCommands(program: Command): void {
  program
    .command('restore')
    .description('bring a table back from a backup, or every table of one with --backup')
    .argument('[table]', 'the table')
    .option(
      '--from <backup>',
      "the backup's ID, or latest: the newest of the table that can be read and that no restore made",
    )
    .option('--before <time>', 'with latest: the newest of the snapshots up to this moment (RFC 3339)')
    .option('--as <name>', 'under this name in the schema longshore_copies; the table stays as it is')
    .option(
      '--row <key>',
      'only the row with this primary key (fields as JSON: \'["a","b"]\'); again for more',
      collect,
    )
    .option('--backup <id>', 'every table of this backup, all or none')
    .option('--tables <a,b>', 'with --backup: only these')
    .option('--dry-run', 'change nothing, show what would change')
    .option('--no-safety', 'without a backup of what is there now')
    .option('--compare', 'count the rows that it adds, removes and changes, as a dry run does')
    .option('--accept-broken-rows', 'take rows that break rules of the dictionary as the backup has them')
    .option('--accept-unverified', 'take a backup that nobody vouches for, by its ID')
    .option('--wait', 'wait for its end and show it', true)
    .option('--no-wait', 'return once it has started')
    .action(async (table: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RestoreOptions>();
      options.context.exitCode = await restore(table, options);
    });
  const restores = program.command('restores').description('show the latest restores, dry runs and drills');
  restores.action(async (_options: unknown, command: Command) => list(command.optsWithGlobals()));
  restores
    .command('show')
    .description('show a restore and what it changed')
    .argument('<id>', "the restore's ID")
    .action(async (id: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const session = await openSession(options);
      const found = await session.api.json<RestoreAnswer>(`/v1/restores/${encodeURIComponent(id)}`);
      showRestore(session, found);
      options.context.exitCode = exitCodeOfRestore(found);
    });
  program
    .command('verify')
    .description('prove a backup good: restore it into tables of its own, compare, and drop them')
    .argument('<backup>', "the backup's ID")
    .option('--accept-unverified', 'also one that nobody vouches for, which stays unverified')
    .action(async (id: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<VerifyOptions>();
      options.context.exitCode = await verify(id, options);
    });
}

function collect(key: string, before: readonly string[] = []): readonly string[] {
  return [...before, key];
}

async function restore(table: string | undefined, options: RestoreOptions): Promise<number> {
  const [path, body] = requestOf(table, options);
  const session = await openSession(options);
  const started = await start(session, path, body);
  const ended = options.wait ? await watchRestore(session, started) : started;
  showRestore(session, ended);
  return exitCodeOfRestore(ended);
}

/** @throws CliError `usage` where options do not go together */
function requestOf(table: string | undefined, options: RestoreOptions): [path: string, body: object] {
  const { from, backup, tables, as, row = [], dryRun, safety, compare, acceptUnverified } = options;
  const { acceptBrokenRows, before } = options;
  const common = { dryRun, safety, compare, acceptBrokenRows, acceptUnverified };
  if (backup !== undefined) {
    if ([table, from, as, before].some((one) => one !== undefined) || row.length > 0) {
      throw new CliError(EXIT.usage, '--backup restores whole tables: choose some of them with --tables');
    }
    return [`/v1/backups/${encodeURIComponent(backup)}/restore`, { ...common, tables: tables?.split(',') }];
  }
  if (table === undefined) throw new CliError(EXIT.usage, 'name a table, or a backup with --backup');
  if (tables !== undefined) throw new CliError(EXIT.usage, '--tables goes with --backup');
  if (acceptUnverified && (from === undefined || from === 'latest')) {
    throw new CliError(EXIT.usage, '--accept-unverified needs the ID of the backup: --from <id>');
  }
  if (before !== undefined && from !== undefined && from !== 'latest') {
    throw new CliError(EXIT.usage, '--before chooses the latest backup: it does not go with the ID of one');
  }
  const keys = row.length === 0 ? undefined : row.map(fieldsOf);
  const path = `/v1/tables/${encodeURIComponent(table)}/restore`;
  return [path, { ...common, backup: from ?? 'latest', before, as, keys }];
}

/** A key of one field is its text; of several, a JSON list of texts. */
function fieldsOf(key: string): readonly string[] {
  if (!key.startsWith('[')) return [key];
  try {
    const fields: unknown = JSON.parse(key);
    if (Array.isArray(fields)) return fields.map(String);
  } catch {
    // Said below.
  }
  throw new CliError(EXIT.usage, `--row ${key}: expected a JSON list of texts`);
}

function start(session: Session, path: string, body: object): Promise<RestoreAnswer> {
  return session.api.json<RestoreAnswer>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function verify(id: string, options: VerifyOptions): Promise<number> {
  const session = await openSession(options);
  const path = `/v1/backups/${encodeURIComponent(id)}`;
  const { acceptUnverified } = options;
  const drill = await watchRestore(session, await start(session, `${path}/verify`, { acceptUnverified }));
  const backup = await session.api.json<BackupAnswer>(path);
  // A drill that could not be done (cancelled, no key) has found nothing out about the backup.
  if (backup.verification?.restoreId !== drill.id) {
    showRestore(session, drill);
    return exitCodeOfRestore(drill);
  }
  showBackup(session, backup);
  return backup.verification.ok ? exitCodeOfBackup(backup) : EXIT.failed;
}

async function list(options: GlobalOptions): Promise<void> {
  const session = await openSession(options);
  const answer = await session.api.json<{ restores: RestoreAnswer[] }>(`/v1/restores?limit=${LISTED}`);
  session.print(answer, () =>
    answer.restores.length === 0 ? 'No restores yet.' : restoreTable(answer.restores),
  );
}
