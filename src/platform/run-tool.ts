import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureHome, readState } from '../runtime/home.ts';
import { lockHome } from '../runtime/lock.ts';
import type { ProgressLog } from '../runtime/logger.ts';
import { portIsFree } from './ports.ts';
import { startPostgres } from './postgres.ts';
import { POSTGRES_DATABASE } from './postgres-cluster.ts';
import { appPassword, POSTGRES_APP_ROLE } from './postgres-roles.ts';
import { provideTools } from './postgres-tools.ts';

export interface RunToolOptions {
  readonly home: string;
  /** Unset: the embedded server, which is started for the tool where it does not run. */
  readonly databaseUrl: string | undefined;
  readonly tool: string;
  readonly args: readonly string[];
  readonly log: ProgressLog;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/**
 * Runs one of PostgreSQL's tools on the platform's database, in the terminal of the caller. The way there is in its
 * environment: no password shows in the list of processes.
 *
 * @returns its exit code
 * @throws LongshoreError `tools-missing`, `config-invalid`
 */
export async function runTool({
  home,
  databaseUrl,
  tool,
  args,
  log,
  env,
  cwd,
}: RunToolOptions): Promise<number> {
  const programs = await provideTools({ log });
  if (!existsSync(join(programs, tool)) || !/^[a-z_]+$/.test(tool)) {
    throw new Error(`PostgreSQL has no tool ${tool}; it has ${readdirSync(programs).sort().join(', ')}`);
  }
  await using database = await reach(home, databaseUrl, log);
  const child = spawn(join(programs, tool), args, {
    stdio: 'inherit',
    cwd,
    env: { ...env, ...wayTo(database.url), PGAPPNAME: tool },
  });
  // The terminal sends Ctrl-C to both: the tool decides what becomes of it.
  const patient = () => undefined;
  process.on('SIGINT', patient);
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? 1;
  } finally {
    process.off('SIGINT', patient);
  }
}

/** @throws LongshoreError `config-invalid` where the platform is about to start or stop */
async function reach(
  home: string,
  databaseUrl: string | undefined,
  log: ProgressLog,
): Promise<{ readonly url: string } & AsyncDisposable> {
  if (databaseUrl !== undefined) return { url: databaseUrl, [Symbol.asyncDispose]: async () => undefined };
  const { postgresPort } = readState(home);
  if (postgresPort !== undefined && !(await portIsFree(postgresPort))) {
    const way = `${POSTGRES_APP_ROLE}:${appPassword(home)}@127.0.0.1:${postgresPort}`;
    return { url: `postgres://${way}/${POSTGRES_DATABASE}`, [Symbol.asyncDispose]: async () => undefined };
  }
  await ensureHome(home);
  const unlock = lockHome(home);
  try {
    log.info('The platform does not run: PostgreSQL is started for this alone');
    const server = await startPostgres({ home, log });
    return {
      url: server.url,
      [Symbol.asyncDispose]: async () => {
        await server.stop();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

/** Parameters of a URL that libpq has variables for. */
const PARAMETERS: Readonly<Record<string, string>> = {
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  host: 'PGHOST',
  options: 'PGOPTIONS',
};

function wayTo(text: string): NodeJS.ProcessEnv {
  const url = new URL(text);
  const way: NodeJS.ProcessEnv = {
    PGHOST: url.hostname.replace(/^\[|\]$/g, ''),
    PGPORT: url.port || '5432',
    PGUSER: decodeURIComponent(url.username),
    PGPASSWORD: decodeURIComponent(url.password),
    PGDATABASE: decodeURIComponent(url.pathname.slice(1)),
  };
  for (const [name, value] of url.searchParams) {
    const variable = PARAMETERS[name];
    if (variable !== undefined) way[variable] = value;
  }
  return Object.fromEntries(Object.entries(way).filter(([, value]) => value !== ''));
}
