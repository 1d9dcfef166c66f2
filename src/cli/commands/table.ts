import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { RemovedTable } from '../../tables/removed-table.ts';
import type { TableAnswer } from '../api-client.ts';
import { CliError, EXIT } from '../exit-codes.ts';
import { formatBytes, formatCount, formatTable, formatTime, plain } from '../format.ts';
import { openInput } from '../open-input.ts';
import { type GlobalOptions, openSession, type Session } from '../session.ts';

interface FieldAnswer {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly constraints?: Readonly<Record<string, unknown>>;
}

/** The part of a table in full that the client shows; see `/openapi.json`. */
interface TableInFull extends TableAnswer {
  readonly resource: {
    readonly schema: {
      readonly fields: readonly FieldAnswer[];
      readonly foreignKeys?: readonly {
        readonly fields: readonly string[];
        readonly reference: { readonly resource: string; readonly fields: readonly string[] };
      }[];
    };
  };
}

interface AddedAnswer {
  readonly added: readonly string[];
  readonly statements: readonly string[];
  readonly version: string;
  readonly warnings: readonly { readonly pointer: string; readonly detail: string }[];
}

export function addTableCommands(program: Command): void {
  const table = program.command('table').description('add, show, remove and bring back tables');
  table
    .command('add')
    .description('add the tables of a descriptor to the running platform, all or none')
    .argument('<descriptor>', 'a resource or a package as JSON (- is standard input)')
    .option('--dry-run', 'check it, show the SQL that would be run, and change nothing')
    .action(async (file: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { dryRun?: boolean }>();
      await add(await openSession(options), file, options);
    });
  table
    .command('show')
    .description('show a table: what it holds, its fields and its keys')
    .argument('<table>')
    .option('--descriptor', 'print its resource as JSON, as `table add` takes it')
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { descriptor?: boolean }>();
      const session = await openSession(options);
      const found = await session.api.json<TableInFull>(pathOf(name));
      if (options.descriptor) options.context.stdout.write(`${JSON.stringify(found.resource, null, 2)}\n`);
      else session.print(found, () => describe(found));
    });
  table
    .command('remove')
    .description('take a table out of the dictionary; its rows are kept aside for a while')
    .argument('<table>')
    .option('--confirm <table>', 'its name once more, for a table that holds rows')
    .action(async (name: string, _options: unknown, command: Command) => {
      const { confirm, ...options } = command.optsWithGlobals<GlobalOptions & { confirm?: string }>();
      const session = await openSession(options);
      const query = confirm === undefined ? '' : `?${new URLSearchParams({ confirm })}`;
      const removed = await session.api.json<RemovedTable>(pathOf(name) + query, { method: 'DELETE' });
      session.print(removed, () =>
        [
          `${plain(name)} is removed, with ${rowsText(removed.rows)}.`,
          `Until ${formatTime(removed.dropAt)} UTC: longshore table bring-back ${removed.id}`,
        ].join('\n'),
      );
    });
  table
    .command('removed')
    .description('show the removed tables that can be brought back')
    .action(async (_options: unknown, command: Command) => {
      const session = await openSession(command.optsWithGlobals<GlobalOptions>());
      const removed = await listRemoved(session);
      session.print({ removed }, () => (removed.length === 0 ? 'No removed tables.' : removedTable(removed)));
    });
  table
    .command('bring-back')
    .description('bring a removed table back, with its rows')
    .argument('<id>', 'its ID (longshore table removed), or its name for the one that was removed last')
    .action(async (which: string, _options: unknown, command: Command) => {
      const session = await openSession(command.optsWithGlobals<GlobalOptions>());
      const id = await idOf(session, which);
      const path = `/v1/removed-tables/${id}/bring-back`;
      const found = await session.api.json<TableInFull>(path, { method: 'POST' });
      session.print(found, () => `${plain(found.name)} is back, with ${rowsText(found.rows)}.`);
    });
}

/** A statement, of which a name may hold anything. */
function sqlLines(sql: string): string[] {
  return `${sql};`.split('\n').map(plain);
}

function rowsText(rows: number): string {
  return `${formatCount(rows)} ${rows === 1 ? 'row' : 'rows'}`;
}

function pathOf(name: string): string {
  return `/v1/tables/${encodeURIComponent(name)}`;
}

async function add(
  session: Session,
  file: string,
  { dryRun = false, context }: GlobalOptions & { readonly dryRun?: boolean },
): Promise<void> {
  const { pieces } = await openInput(file, 'standard input', context);
  const body = (await text(pieces)).replace(/^\uFEFF/, '');
  const added = await session.api.json<AddedAnswer>(`/v1/tables${dryRun ? '?dryRun=true' : ''}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  session.print(added, () => {
    const { added: names, statements, version, warnings } = added;
    const lines = warnings.map(({ pointer, detail }) => `! ${pointer}: ${detail}`);
    const list = names.map(plain).join(', ');
    if (names.length === 0) lines.push('The tables are there already, with the same definition.');
    else if (dryRun) lines.push(`It would add ${list}:`, ...statements.flatMap(sqlLines));
    else lines.push(`Added ${list}. The dictionary is version ${plain(version)} now.`);
    return lines.join('\n');
  });
}

function describe({ resource, ...table }: TableInFull): string {
  const { fields, foreignKeys = [] } = resource.schema;
  const rows = `${table.rowsExact ? '' : '~'}${rowsText(table.rows)}`;
  const lines = [
    `${plain(table.name)}: ${rows}, ${formatBytes(table.bytes)}`,
    '',
    formatTable(
      ['field', 'type', 'format', 'constraints'],
      fields.map(({ name, type, format = 'default', constraints = {} }) => [
        plain(name),
        type,
        format === 'default' ? '' : plain(format),
        Object.entries(constraints)
          .map(([rule, value]) => (value === true ? rule : `${rule} ${plain(JSON.stringify(value))}`))
          .join(', '),
      ]),
    ),
  ];
  if (table.primaryKey.length > 0) lines.push('', `primary key: ${table.primaryKey.map(plain).join(', ')}`);
  for (const { fields: own, reference } of foreignKeys) {
    const target = `${plain(reference.resource)} (${reference.fields.map(plain).join(', ')})`;
    lines.push(`${own.map(plain).join(', ')} refers to ${target}`);
  }
  if (table.broken) lines.push('', `Broken: ${table.broken.message}. ${table.broken.remedy}`);
  return lines.join('\n');
}

async function listRemoved(session: Session): Promise<readonly RemovedTable[]> {
  return (await session.api.json<{ removed: RemovedTable[] }>('/v1/removed-tables')).removed;
}

function removedTable(removed: readonly RemovedTable[]): string {
  return formatTable(
    ['id', 'table', 'rows', 'size', 'removed (UTC)', 'by', 'dropped (UTC)'],
    removed.map(({ id, table, rows, bytes, removedAt, removedBy, dropAt }) => [
      String(id),
      plain(table),
      formatCount(rows),
      formatBytes(bytes),
      formatTime(removedAt),
      removedBy,
      formatTime(dropAt),
    ]),
  );
}

async function idOf(session: Session, which: string): Promise<number> {
  const removed = await listRemoved(session);
  const found =
    removed.find(({ id }) => String(id) === which) ?? removed.find(({ table }) => table === which);
  if (found !== undefined) return found.id;
  throw new CliError(
    EXIT.failed,
    `there is no removed table ${plain(which)}\n→ "longshore table removed" lists them.`,
  );
}
