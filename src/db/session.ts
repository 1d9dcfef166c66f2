import { Client, type ClientBase, type ClientConfig, type QueryResult } from 'pg';
import { LongshoreError } from '../errors.ts';
import { DATA_SCHEMA, quoteText } from './sql-names.ts';
import { SQLSTATE, sqlstateOf } from './sqlstate.ts';

export type Settings = Readonly<Record<string, string>>;

/**
 * What a session may not inherit from the server's configuration, its database, its role or the connection's URL,
 * because rows would be lost or read wrongly, or work would end before its time. Settings that a PostgreSQL does not
 * know are left out. Decided over every parameter of PostgreSQL 18 that a role can have a default of; the others only
 * make things slow or tell where files lie (planner, memory, table spaces), are words of a language that reports may
 * mean (`lc_*`, `default_text_search_config`), or say who Longshore is (`role`). `synchronous_commit` is only taken
 * back where it is off ("done" says that it is on disk); which standby has it too is for the operator to say.
 */
const SETTINGS: Settings = {
  search_path: DATA_SCHEMA,
  // A statement that waits for a lock sees what was committed meanwhile: else a swap loses it.
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  // What may run long has limits of its own, in the activity that runs it.
  statement_timeout: '0',
  lock_timeout: '0',
  transaction_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  // An error is an answer to a statement, not the end of the session.
  exit_on_error: 'off',
  // How values are written as text, and read again.
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  client_encoding: 'UTF8',
  xmlbinary: 'base64',
  xmloption: 'content',
  // What a statement means.
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
  quote_all_identifiers: 'off',
  check_function_bodies: 'on',
  // Foreign keys are triggers, which `replica` turns off.
  session_replication_role: 'origin',
  // Rows that a statement leaves out, or refuses to look for.
  row_security: 'on',
  gin_fuzzy_search_limit: '0',
  restrict_nonsystem_relation_kind: '',
  zero_damaged_pages: 'off',
  ignore_checksum_failure: 'off',
  // Parts of a backup are ranges of pages.
  default_table_access_method: 'heap',
  // A session whose client's machine vanished ends within a minute, and gives up its locks.
  tcp_keepalives_idle: '30',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
};

/** Settings that could end the statement which makes the others, and that every PostgreSQL knows. */
const FIRST: readonly string[] = [
  'search_path',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
];

/** `pg` knows a query's own limit of time, its types don't. */
const LIMIT = { query_timeout: 10_000 };

/** What a session of one kind has otherwise than the rest. A role comes last: what follows it is set by that role. */
export interface SessionOptions {
  readonly settings?: Settings | undefined;
}

/** URLs of poolers that refuse a session which brings options: see `beginWithoutOptions`. */
const withoutOptions = new Set<string>();

/**
 * Poolers, as PgBouncer, refuse a session whose start they can not follow. From now on those at this URL begin without
 * options; their first statement makes all settings, and only a limit of time that a role has may be in its way.
 */
export function beginWithoutOptions(url: string): void {
  withoutOptions.add(url);
}

/** For a pool of `pg`: how its connections begin. One that can not be set up is never given out. */
export function sessionPool(url: string, options: SessionOptions = {}) {
  return { ...sessionStart(url, options), onConnect: (client: ClientBase) => settleSession(client, options) };
}

/** A connection of its own. The caller ends it. */
export async function connectSession(
  config: ClientConfig & { readonly connectionString: string },
): Promise<Client> {
  const client = new Client({ ...config, ...sessionStart(config.connectionString, {}) });
  // The running statement fails too, and reports it; without a listener the process would end.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await settleSession(client, {});
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

/** What has to hold from the first statement on; a URL may say otherwise, so that `settleSession` sets it again. */
function sessionStart(url: string, { settings = {} }: SessionOptions) {
  if (withoutOptions.has(url)) return { keepAlive: true };
  const all: Settings = { ...SETTINGS, ...settings };
  const options = FIRST.map((name) => `-c ${name}=${all[name]?.replace(/[\\ ]/g, '\\$&')}`);
  return { options: options.join(' '), keepAlive: true };
}

/**
 * Makes a new session's settings, whatever defaults it came with. Only what differs is set, since some settings need a
 * right that the role may lack.
 *
 * @throws LongshoreError `database-settings`
 */
async function settleSession(client: ClientBase, { settings = {} }: SessionOptions): Promise<void> {
  const values = Object.entries({ ...SETTINGS, ...settings }).map(
    ([name, value], no) => `(${no}, ${quoteText(name)}, ${quoteText(value)})`,
  );
  // One message. A serializable, read-only, deferrable transaction would wait for those of others; names shall be
  // PostgreSQL's own; and no limit may cut it off, which before 17 is none that one could connect with.
  const text = `
    begin isolation level read committed;
    set search_path = pg_catalog;
    select set_config('transaction_timeout', '0', false) where current_setting('transaction_timeout', true) <> '0';
    select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off';
    select set_config(name, value, false)
      from (select name, value from (values ${values.join(', ')}) as setting (no, name, value)
             where current_setting(name, true) <> value order by no) as differing;
    select pg_backend_pid() as pid;
    commit`;
  try {
    const results: unknown = await client.query({ text, ...LIMIT });
    backends.set(client, pidIn(results as readonly QueryResult[]));
    await client.query({ text: WATCH_CLIENT, ...LIMIT }).catch((error) => {
      if (sqlstateOf(error) !== SQLSTATE.invalidParameterValue) throw error;
    });
  } catch (error) {
    throw asSettingsError(error);
  }
}

const backends = new WeakMap<ClientBase, number>();

/**
 * The process that serves the session, for `pg_cancel_backend` and the like. What the driver has as its process ID is the
 * pooler's word where one is in between.
 */
export function backendOf(client: ClientBase): number {
  const pid = backends.get(client);
  if (pid === undefined) throw new Error('the session was not set up');
  return pid;
}

/** One result a statement. */
function pidIn(results: readonly QueryResult[]): number {
  return results
    .flatMap(({ rows }) => rows as { readonly pid?: number }[])
    .find(({ pid }) => pid !== undefined)!.pid!;
}

/**
 * A session whose client has gone ends although its statement runs on. PostgreSQL can not look after that on every
 * system, and refuses then; there the statement goes on to its end.
 */
const WATCH_CLIENT = `set client_connection_check_interval = '5s'`;

function asSettingsError(error: unknown): unknown {
  if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) return error;
  // It names a setting or a role: no row has been read.
  const reason = error instanceof Error ? error.message : String(error);
  return new LongshoreError('database-settings', `a session of PostgreSQL can not be set up: ${reason}`, {
    cause: error,
  });
}
