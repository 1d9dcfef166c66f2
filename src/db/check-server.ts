import { Client } from 'pg';
import { LongshoreError } from '../errors.ts';
import { asDatabaseError } from './database-error.ts';
import { backendOf, beginWithoutOptions, connectSession } from './session.ts';
import { isConnectionError, SQLSTATE, serverErrorOf, sqlstateOf } from './sqlstate.ts';

/** The oldest whose SQL has all that is used: `unique nulls not distinct`, `grant … on parameter`. */
const OLDEST_POSTGRES = 15;

const CONNECT_TIMEOUT_MS = 10_000;
/** A pooler may hand its connections out in turn: so often one sees whether they change from one statement to the next. */
const LOOKS = 4;

/**
 * Sees that the server at the URL can be used, before anything is done there: that it lets this role into this database,
 * is new enough, takes writes, and gives each session a connection of its own, also where a pooler is in between.
 *
 * @throws LongshoreError `database-access`, `database-unfit`, `database-unavailable`, `database-busy`,
 *   `database-settings`; each names the server, and none a password
 */
export async function checkServer(url: string): Promise<void> {
  const server = serverOf(url);
  let first: Client;
  try {
    first = await connectFirst(url);
  } catch (error) {
    throw asAccessError(error, server);
  }
  try {
    await checkKind(first, server);
    if (isPooled(first)) await checkPooler(url, first, server);
  } catch (error) {
    throw asAccessError(error, server);
  } finally {
    await first.end().catch(() => undefined);
  }
}

/** The parts of a URL that may be shown. */
interface Server {
  readonly host: string;
  readonly port: number;
  readonly role: string;
  readonly database: string;
}

function serverOf(url: string): Server {
  try {
    const { host, port, user, database } = new Client({ connectionString: url });
    return { host, port, role: user ?? '', database: database ?? '' };
  } catch (cause) {
    // It reads the files that `sslrootcert` and its like name.
    const { path } = cause as NodeJS.ErrnoException;
    const what = path === undefined ? 'not a URL of PostgreSQL' : `${path} can not be read`;
    throw new LongshoreError('database-access', `DATABASE_URL: ${what}`, { cause });
  }
}

async function connectFirst(url: string): Promise<Client> {
  const config = { connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS };
  try {
    return await connectSession({ ...config, application_name: 'longshore start' });
  } catch (error) {
    if (!/unsupported startup parameter/.test(serverErrorOf(error)?.message ?? '')) throw error;
    beginWithoutOptions(url);
    return connectSession(config);
  }
}

async function checkKind(client: Client, server: Server): Promise<void> {
  const { rows } = await client.query<{ num: number; version: string; standby: boolean }>(
    `select current_setting('server_version_num')::int as num, current_setting('server_version') as version,
            pg_is_in_recovery() as standby`,
  );
  const [{ num = 0, version = '', standby = false } = {}] = rows;
  if (num < OLDEST_POSTGRES * 10_000) {
    throw unfit(
      server,
      `is PostgreSQL ${version}; ${OLDEST_POSTGRES} is the oldest that Longshore works with`,
    );
  }
  if (standby) throw unfit(server, 'is a standby, which takes no writes');
}

/** A pooler invents the process ID that it tells its clients. */
function isPooled(client: Client): boolean {
  return (client as Client & { readonly processID: number }).processID !== backendOf(client);
}

/**
 * Refuses a pooler that lends its connections for a transaction each. What Longshore keeps in a session would be lost or
 * reach another one: settings, the locks and the snapshot of a backup, prepared statements. Such a pooler betrays itself
 * when two sessions that are both open have one connection, or one has another each time.
 */
async function checkPooler(url: string, first: Client, server: Server): Promise<void> {
  const second = await connectSession({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  try {
    const seen = new Set([backendOf(first)]);
    for (let look = 0; look < LOOKS; look++) seen.add(await pidOf(first));
    await second.query('begin');
    const lent = await pidOf(second);
    seen.add(await pidOf(first));
    await second.query('rollback');
    if (seen.size === 1 && !seen.has(lent)) return;
  } finally {
    await second.end().catch(() => undefined);
  }
  throw unfit(
    server,
    'is a pooler that gives a session another connection for each transaction (pool_mode transaction or statement), ' +
      'and so loses what a session holds: settings, the locks and the snapshot of a backup, prepared statements',
  );
}

async function pidOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}

function unfit({ host, port }: Server, what: string): LongshoreError {
  return new LongshoreError('database-unfit', `${host}:${port} ${what}`);
}

/** SQLSTATEs of a refused login, or of a right to the database that is missing. Their messages quote no secret. */
const REFUSED_LOGIN: readonly string[] = ['28000', '28P01', '3D000', SQLSTATE.insufficientPrivilege];
/** Node's codes of what is wrong with a certificate, or with TLS itself. */
const TLS = /^(ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH)/;
/** Of the driver, which has no codes: the server has no TLS, or the URL no password. */
const DRIVERS_WORDS = /does not support SSL|SASL|password must be a string/;

function asAccessError(error: unknown, { host, port, role, database }: Server): unknown {
  if (error instanceof LongshoreError) return error;
  const where = `PostgreSQL at ${host}:${port}`;
  const access = (why: string) => new LongshoreError('database-access', `${where}: ${why}`, { cause: error });
  const state = sqlstateOf(error);
  const { message, code } = error as NodeJS.ErrnoException;
  if (state !== undefined && REFUSED_LOGIN.includes(state)) {
    return access(`role "${role}", database "${database}": ${serverErrorOf(error)?.message}`);
  }
  if (DRIVERS_WORDS.test(message)) {
    return access(
      /SSL/.test(message)
        ? 'the URL asks for TLS, which the server does not have'
        : `the role "${role}" needs a password, and the URL has none, or one that the server does not take`,
    );
  }
  if (TLS.test(code ?? '')) return access(`its certificate is not accepted (${code}: ${message})`);
  // A protocol violation is what poolers answer to a database or a role that they do not know.
  if (state === '08P01' || state === '08004') return access(`${serverErrorOf(error)?.message}`);
  if (isConnectionError(error)) {
    const why = code ?? state;
    return new LongshoreError(
      'database-unavailable',
      `${where} can not be reached${why === undefined ? '' : ` (${why})`}`,
      { cause: error },
    );
  }
  return asDatabaseError(error) ?? error;
}
