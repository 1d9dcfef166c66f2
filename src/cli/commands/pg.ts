import type { Command } from 'commander';
import type { GlobalOptions } from '../session.ts';

/** What follows the tool's name is the tool's own, `--help` too. */
export function toolsOwn(args: readonly string[]): readonly string[] {
  const [command, tool] = args;
  return command === 'pg' && tool !== undefined && !tool.startsWith('-')
    ? ['pg', '--', ...args.slice(1)]
    : args;
}

export function addPgCommand(program: Command): void {
  program
    .command('pg')
    .description("run psql, pg_dump, pg_restore or another tool of PostgreSQL's on the platform's database")
    .argument('<tool>', 'its name')
    .argument('[args...]', 'its arguments')
    .action(async (tool: string, args: readonly string[], _options: unknown, command: Command) => {
      const { context } = command.optsWithGlobals<GlobalOptions>();
      // No other command has a use for the servers' modules.
      const [{ readConfig }, { runTool }] = await Promise.all([
        import('../../config.ts'),
        import('../../platform/run-tool.ts'),
      ]);
      const say = (message: string) => void context.stderr.write(`${message}\n`);
      const { databaseUrl, home } = readConfig({
        ...context.env,
        LONGSHORE_HOME: context.resolve(context.env.LONGSHORE_HOME || '.longshore'),
      });
      context.exitCode = await runTool({
        ...{ home, databaseUrl, tool, args, env: context.env, cwd: context.resolve('.') },
        log: { info: say, warn: say },
      });
    });
}
