import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ApiKeyView, Rate } from '../../keys/key-rows.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import { formatCount, formatTable, formatTime, plain } from '../format.ts';
import { type GlobalOptions, openSession, type Session } from '../session.ts';

interface CreateOptions extends GlobalOptions {
  readonly scope: readonly string[];
  readonly table?: readonly string[];
  readonly rate?: number;
  readonly burst?: number;
}

interface CreatedKey extends ApiKeyView {
  readonly key: string;
}

const SCOPES = ['read', 'write', 'admin'];
/** A key that may send so many requests a second may send twice as many at once, as with the standard rate. */
const BURST_SECONDS = 2;
const LISTED = 500;

export function addKeyCommands(program: Command): void {
  const key = program.command('key').description('make, list and revoke keys (needs an admin key)');
  key
    .command('create')
    .description('make a key; its text is shown this once')
    .argument('<name>', 'what people know it by')
    .addOption(new Option('-s, --scope <scope...>', 'what it may do').choices(SCOPES).makeOptionMandatory())
    .option('-t, --table <table...>', 'limit it to these tables')
    .option('--rate <requests>', 'requests a second in the long run', parseCount)
    .option('--burst <requests>', 'requests at once after a pause (twice the rate)', parseCount)
    .action(async (name: string, _options: unknown, command: Command) => {
      await createKey(name, command.optsWithGlobals<CreateOptions>());
    });
  key
    .command('list')
    .description('list the keys, newest first')
    .action(async (_options: unknown, command: Command) => {
      await listKeys(await openSession(command.optsWithGlobals<GlobalOptions>()));
    });
  key
    .command('revoke')
    .description('revoke a key and its tokens')
    .argument('<id>', "the key's ID")
    .action(async (id: string, _options: unknown, command: Command) => {
      const session = await openSession(command.optsWithGlobals<GlobalOptions>());
      await session.api.send(`/v1/keys/${encodeURIComponent(id)}`, { method: 'DELETE' });
      session.print({ id, revoked: true }, () => `Key ${plain(id)} is revoked.`);
    });
}

function parseCount(text: string): number {
  if (/^[1-9][0-9]{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a number of at least 1');
}

async function createKey(name: string, options: CreateOptions): Promise<void> {
  const session = await openSession(options);
  const made = await session.api.json<CreatedKey>('/v1/keys', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      name,
      scopes: options.scope,
      tables: options.table ?? null,
      rate: rateOf(options),
    }),
  });
  // The key alone on stdout, for scripts.
  session.print(made, () => made.key);
  session.say(`Key ${made.id} is made. Keep its text: it is stored nowhere and can not be shown again.`);
}

function rateOf({ rate, burst }: CreateOptions): Rate | null {
  if (rate !== undefined) return { perSecond: rate, burst: burst ?? rate * BURST_SECONDS };
  if (burst === undefined) return null;
  throw new CliError(EXIT.usage, '--burst needs --rate');
}

async function listKeys(session: Session): Promise<void> {
  let path: string | null = `/v1/keys?limit=${LISTED}`;
  const keys: ApiKeyView[] = [];
  while (path !== null) {
    const page: { keys: ApiKeyView[]; next: string | null } = await session.api.json(path);
    keys.push(...page.keys);
    path = page.next;
  }
  session.print({ keys }, () => (keys.length === 0 ? 'No keys.' : keyTable(keys)));
}

function keyTable(keys: readonly ApiKeyView[]): string {
  const rows = keys.map((key) => [
    key.id,
    plain(key.name),
    key.scopes.join(' '),
    key.tables === null ? 'all' : plain(key.tables.join(' ')),
    key.rate === null ? 'standard' : `${formatCount(key.rate.perSecond)}/${formatCount(key.rate.burst)}`,
    secondOf(key.createdAt),
    secondOf(key.lastUsedAt),
    secondOf(key.revokedAt),
  ]);
  return formatTable(
    ['id', 'name', 'scopes', 'tables', 'rate/burst', 'created (UTC)', 'last used', 'revoked'],
    rows,
  );
}

/** `2026-01-31 12:00:00`; empty for null */
function secondOf(instant: string | null): string {
  return instant === null ? '' : formatTime(instant);
}
