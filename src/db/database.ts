import { createHash } from 'node:crypto';
import { type EntityManager, MikroORM, type PostgreSqlConnection } from '@mikro-orm/postgresql';
import { Client, type Pool, type PoolClient, types as pgTypes, type QueryResultRow } from 'pg';
import { ledgerEntities } from '../ledger/entities.ts';
import { DATA_SCHEMA } from './sql-names.ts';

/**
 * One MikroORM transaction, with its bare `pg` client beside it: COPY and set-based statements run on the very
 * connection that the entity manager's transaction holds, so that rows and ledger commit or roll back as one.
 */
export interface Tx {
  readonly em: EntityManager;
  readonly client: PoolClient;
  /** `$1` parameters, as in `pg`. */
  query<R extends QueryResultRow>(text: string, values?: readonly unknown[]): Promise<R[]>;
  /** Runs a statement that writes. @returns how many rows PostgreSQL says it wrote */
  change(text: string, values?: readonly unknown[]): Promise<number>;
}

export interface Database extends AsyncDisposable {
  readonly orm: MikroORM;
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** One statement on any connection of the pool. */
  query<R extends QueryResultRow>(text: string, values?: readonly unknown[]): Promise<R[]>;
  /**
   * The same for one of a few texts that are run over and over: each connection keeps it as a prepared statement,
   * which saves its planning. Poolers between need to know prepared statements (PgBouncer since 1.21 does).
   */
  prepared<R extends QueryResultRow>(text: string, values: readonly unknown[]): Promise<R[]>;
  pool(): PoolState;
  /** A connection outside the pool, for what needs one for long: no limit of time ends it. The caller ends it. */
  connect(): Promise<Client>;
}

/** Connections of the pool, and what waits for one. */
export interface PoolState {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** Longer than whoever has a connection needs to see its end. */
const GIVE_BACK_AFTER_MS = 100;

export interface DatabaseOptions {
  readonly url: string;
  /** Connections at most. Default 10. */
  readonly poolSize?: number;
  /** Shown by `pg_stat_activity`. */
  readonly applicationName?: string;
}

export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const clients = new Map<number, PoolClient>();
  let pool: Pool | undefined;
  const orm = await MikroORM.init({
    clientUrl: options.url,
    entities: ledgerEntities,
    pool: { min: 0, max: options.poolSize ?? 10 },
    driverOptions: {
      application_name: options.applicationName ?? 'longshore',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      // A role's own schema, by default first in the path, may well be called longshore.
      options: `-c search_path=${DATA_SCHEMA}`,
      onPoolCreated: (created: Pool) => {
        pool = created;
        created.on('connect', (client) => {
          const pid = backendPid(client);
          clients.set(pid, client);
          client.once('end', () => {
            clients.delete(pid);
            giveBackEnded(client);
          });
        });
      },
    },
  });
  return {
    orm,
    async transaction(work) {
      return orm.em.fork().transactional(async (em) => {
        const [row] = await em.execute<{ pid: number }[]>('select pg_backend_pid() as pid');
        const client = row && clients.get(row.pid);
        if (!client) throw new Error('the connection of the transaction is not one of the pool');
        return work({
          em: em as EntityManager,
          client,
          query: async (text, values) => (await client.query(statement(text, values))).rows,
          change: async (text, values) => (await client.query(statement(text, values))).rowCount ?? 0,
        });
      });
    },
    query: async (text, values) => (await (await poolOf(orm)).query(statement(text, values))).rows,
    prepared: async (text, values) => {
      const name = nameOf(text);
      return (await (await poolOf(orm)).query({ ...statement(text, values), name })).rows;
    },
    // Made at the first statement.
    pool: () => ({
      total: pool?.totalCount ?? 0,
      idle: pool?.idleCount ?? 0,
      waiting: pool?.waitingCount ?? 0,
    }),
    connect: async () => {
      const client = new Client({
        connectionString: options.url,
        application_name: options.applicationName ?? 'longshore',
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        options: `-c search_path=${DATA_SCHEMA} -c statement_timeout=0 -c idle_in_transaction_session_timeout=0`,
      });
      // Whatever runs on it fails too, and tells of it; without a listener the process would end.
      client.on('error', () => undefined);
      await client.connect();
      return client;
    },
    [Symbol.asyncDispose]: () => orm.close(true),
  };
}

/**
 * MikroORM does not give a connection back to the pool that was lost as a transaction began, ran or ended: each would
 * keep a place of the pool for ever, and the pool from closing. Whoever has it may give it back first.
 */
function giveBackEnded(client: PoolClient): void {
  // Of this time that it was taken, no later one.
  const { release } = client;
  setTimeout(() => {
    try {
      release(true);
    } catch {
      // It was given back.
    }
  }, GIVE_BACK_AFTER_MS);
}

function poolOf(orm: MikroORM): Promise<Pool> {
  return (orm.em.getConnection() as PostgreSqlConnection).getNativeClient();
}

const names = new Map<string, string>();

/** Statements with the same text have the same name, and no others. */
function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = createHash('sha256').update(text).digest('base64url');
    names.set(text, name);
  }
  return name;
}

/** MikroORM's pool leaves dates as text, for its own mapping; bare statements get `pg`'s own types. */
function statement(text: string, values?: readonly unknown[]) {
  return { text, values: values && [...values], types: pgTypes };
}

/** `pg` keeps the backend's process ID on its client, but not in its types. */
function backendPid(client: PoolClient): number {
  return (client as PoolClient & { processID: number }).processID;
}
