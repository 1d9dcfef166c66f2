import type { Command } from 'commander';
import type { TableAnswer } from '../api-client.ts';
import { formatBytes, formatCount, formatTable } from '../format.ts';
import { type GlobalOptions, openSession } from '../session.ts';

export function addTablesCommand(program: Command): void {
  program
    .command('tables')
    .description('show the tables and what they hold (~: an estimate)')
    .action(async (_options: unknown, command: Command) => {
      const session = await openSession(command.optsWithGlobals<GlobalOptions>());
      const answer = await session.api.json<{ tables: TableAnswer[] }>('/v1/tables');
      session.print(answer, () => {
        const broken = answer.tables.flatMap((table) => (table.broken ? [table.broken] : []));
        const list = formatTable(
          ['table', 'rows', 'size', 'primary key', 'last load'],
          answer.tables.map((table) => [
            table.name,
            `${table.rowsExact ? '' : '~'}${formatCount(table.rows)}`,
            formatBytes(table.bytes),
            table.primaryKey.join(', '),
            table.lastLoadId === null ? '' : String(table.lastLoadId),
          ]),
        );
        return [list, ...broken.map(({ message, remedy }) => `Broken: ${message}. ${remedy}`)].join('\n');
      });
    });
}
