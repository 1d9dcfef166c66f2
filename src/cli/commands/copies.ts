import type { Command } from 'commander';
import type { CopyView } from '../../restores/copies.ts';
import { formatBytes, formatCount, formatTable, formatTime, plain } from '../format.ts';
import { type GlobalOptions, openSession, type Session } from '../session.ts';

const LISTED = 500;

export function addCopyCommands(program: Command): void {
  const copies = program
    .command('copies')
    .description('show the tables that were restored under another name')
    .action(async (_options: unknown, command: Command) => {
      await list(await openSession(command.optsWithGlobals<GlobalOptions>()));
    });
  copies
    .command('delete')
    .description('delete one of them; the table that it is a copy of stays as it is')
    .argument('<name>', "the copy's name")
    .action(async (name: string, _options: unknown, command: Command) => {
      const session = await openSession(command.optsWithGlobals<GlobalOptions>());
      await session.api.send(`/v1/copies/${encodeURIComponent(name)}`, { method: 'DELETE' });
      session.print({ name, deleted: true }, () => `Copy ${plain(name)} is deleted.`);
    });
}

async function list(session: Session): Promise<void> {
  let path: string | null = `/v1/copies?limit=${LISTED}`;
  const copies: CopyView[] = [];
  while (path !== null) {
    const page: { copies: CopyView[]; next: string | null } = await session.api.json(path);
    copies.push(...page.copies);
    path = page.next;
  }
  session.print({ copies }, () => (copies.length === 0 ? 'No copies.' : copyTable(copies)));
}

function copyTable(copies: readonly CopyView[]): string {
  return formatTable(
    ['name', 'table', 'rows', 'size', 'backup', 'created (UTC)', 'by'],
    copies.map(({ name, table, rows, bytes, backupId, createdAt, createdBy }) => [
      plain(name),
      plain(table),
      formatCount(rows),
      formatBytes(bytes),
      backupId,
      formatTime(createdAt),
      createdBy,
    ]),
  );
}
