import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LongshoreError } from '../errors.ts';
import { serverEnvironment } from '../runtime/environment.ts';
import { postgresPasswordPath, writeFileAtomically } from '../runtime/home.ts';
import type { PostgresPlace } from './postgres-place.ts';

/** The embedded server's superuser, and its database. */
export const POSTGRES_ROLE = 'longshore';
export const POSTGRES_DATABASE = 'longshore';

const MAJOR_VERSION = '18';

/**
 * Settings for bulk loads on a machine shared with the rest of Longshore. A backend's resident memory counts the
 * shared buffers it has touched, so shared_buffers + maintenance_work_mem stay well below 400 MB together.
 */
export const POSTGRES_SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  // No Unix socket: nothing that another server's socket in the same folder could clash with.
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '192MB',
  maintenance_work_mem: '128MB',
  work_mem: '16MB',
  // COPY writes faster than the WAL writer's usual 1 MB steps, each of which would be an fsync.
  wal_writer_flush_after: '16MB',
  // A load of some GB runs through without a forced checkpoint, which would write every page twice.
  max_wal_size: '4GB',
  min_wal_size: '512MB',
  checkpoint_timeout: '15min',
  // There is no replica: a table that is filled in the transaction that made it, and every index build, goes to
  // disk without passing through the WAL as well, and is still safe against a crash.
  wal_level: 'minimal',
  max_wal_senders: '0',
  random_page_cost: '1.1',
  // The statements are few and long or many and short; compiling them pays for neither.
  jit: 'off',
  // No errors of statements (here `log` is above `error`): they go to the client, which is Longshore and logs them, and
  // they quote values. Of what is left, neither statements nor details nor lines of COPY.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_line_prefix: '%m [%p] ',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** Makes the data directory when there is none yet. A crash half way through leaves nothing that counts. */
export function ensureCluster(place: PostgresPlace, home: string): { readonly password: string } {
  const passwordFile = postgresPasswordPath(home);
  if (existsSync(versionFileOf(place.data))) {
    const fault = faultOf(place.data, home);
    if (fault !== null) throw new LongshoreError('config-invalid', `LONGSHORE_HOME: ${fault}`);
    return { password: readFileSync(passwordFile, 'utf8').trim() };
  }
  const password = randomBytes(24).toString('base64url');
  writeFileAtomically(passwordFile, `${password}\n`, 0o600);
  initialise(place, password);
  return { password };
}

/** Why the home's data can not be used; null: they can, or there are none yet. */
export function clusterFault(home: string, knownData: string | undefined): string | null {
  const data = knownData ?? join(home, 'postgres', 'data');
  return existsSync(versionFileOf(data)) ? faultOf(data, home) : null;
}

function faultOf(data: string, home: string): string | null {
  const version = readFileSync(versionFileOf(data), 'utf8').trim();
  if (version !== MAJOR_VERSION) {
    return (
      `${data} was written by PostgreSQL ${version}, this is ${MAJOR_VERSION}: ` +
      'dump it with the old version, or choose another LONGSHORE_HOME'
    );
  }
  const password = postgresPasswordPath(home);
  if (existsSync(password)) return null;
  return `${password} is gone, and with it the way into the data in ${data}: bring it back, or choose another LONGSHORE_HOME`;
}

function versionFileOf(data: string): string {
  return join(data, 'PG_VERSION');
}

function initialise(place: PostgresPlace, password: string): void {
  const part = `${place.data}.new`;
  // The server's user can't read the home's own password file, so it gets one for the moment.
  const passwordFile = `${place.data}.password`;
  rmSync(part, { recursive: true, force: true });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (place.user) chownSync(passwordFile, place.user.uid, place.user.gid);
  try {
    const { status, stderr, error } = spawnSync(
      join(place.programs, 'bin', 'initdb'),
      [
        `--pgdata=${part}`,
        `--username=${POSTGRES_ROLE}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        // The same order of strings on every machine, whatever locales it has.
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--locale=C',
      ],
      { ...place.user, cwd: '/', env: serverEnvironment(), encoding: 'utf8' },
    );
    if (error) throw error;
    if (status !== 0) throw new Error(`PostgreSQL's initdb failed: ${stderr.trim()}`);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(part, place.data);
}
