import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  type EntityManager,
  IsolationLevel,
  MikroORM,
  type PostgreSqlConnection,
} from '@mikro-orm/postgresql';
import {
  Client,
  type Pool,
  type PoolClient,
  type QueryConfig,
  type QueryResult,
  type QueryResultRow,
  TypeOverrides,
} from 'pg';
import { LongshoreError } from '../errors.ts';
import { ledgerEntities } from '../ledger/entities.ts';
import { Slots } from '../slots.ts';
import { BESIDE_POOL, POOL_SIZE } from './connections.ts';
import { ledgerOf } from './ledger-queries.ts';
import { explainRaised } from './raised.ts';
import { backendOf, connectSession, type Settings, sessionPool } from './session.ts';
import type { Sql } from './sql.ts';
import type { Statement } from './statement.ts';

/**
 * One MikroORM transaction, with its bare `pg` client beside it: COPY and set-based statements run on the very
 * connection that the entity manager's transaction holds, so that rows and ledger commit or roll back as one.
 */
export interface Tx extends Sql {
  readonly client: PoolClient;
  /** Runs a statement that writes. @returns the number of rows that PostgreSQL reports as written */
  change(text: string, values?: readonly unknown[]): Promise<number>;
}

/** For whom work is done: it may end before the work does. */
export interface WorkFor {
  /** Aborts: the statement that runs is ended, also one that waits for a lock, and nothing is committed any more. */
  readonly signal?: AbortSignal;
  /** What `pg_stat_activity` calls the session while a transaction lasts; `endSessions` finds it by that. */
  readonly name?: string;
}

/** Its `em` is another one each time, which knows no entity; that and `ledger` use any connection of the pool. */
export interface Database extends Sql, AsyncDisposable {
  readonly orm: MikroORM;
  /**
   * Read committed: a statement that waited for a lock sees what was committed meanwhile.
   * @throws the reason of the signal
   */
  transaction<T>(work: (tx: Tx) => Promise<T>, whose?: WorkFor): Promise<T>;
  /** One statement, on any connection of the pool, for work that may end before. @throws the reason of the signal */
  run<R extends QueryResultRow>(
    text: Statement<R>,
    values: readonly unknown[],
    whose: Pick<WorkFor, 'signal'>,
  ): Promise<QueryResult<R>>;
  /**
   * A statement that is one of a few texts that are run over and over: each connection keeps it as a prepared statement,
   * which saves its planning.
   */
  prepared<R extends QueryResultRow>(text: Statement<R>, values: readonly unknown[]): Promise<R[]>;
  pool(): PoolState;
  /** What PostgreSQL or the way to it answered to the last attempt to connect, some seconds ago at most; null: nothing. */
  refused(): unknown;
  /**
   * A connection outside the pool, for what needs one for long: no limit of time ends it. The caller ends it.
   * @throws LongshoreError `database-busy`: as many as there may be are in use
   */
  connect(): Promise<Client>;
}

/** Connections of the pool, and what waits for one. */
export interface PoolState {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** How long a refused connection is told of, while no other one was made. */
const REFUSAL_TOLD_MS = 30_000;
/** Longer than the holder of a connection needs to notice that it was ended. */
const GIVE_BACK_AFTER_MS = 100;
/** A session ends at its next look at signals: at once, unless it waits for a disk. */
const END_LIMIT_MS = 5_000;

export interface DatabaseOptions {
  readonly url: string;
  /** Connections at most. */
  readonly poolSize?: number;
  /** Connections outside the pool at most. */
  readonly besidePool?: number;
  /** How long to wait for a connection. */
  readonly connectTimeoutMs?: number;
  /** Shown by `pg_stat_activity`. */
  readonly applicationName?: string;
  /** What sessions of the pool have otherwise than the rest. */
  readonly settings?: Settings;
}

export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const acquiring = new AsyncLocalStorage<Acquired>();
  let pool: Pool | undefined;
  const { connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
  const { attempts, ClientOfPool } = watchAttempts();
  const beside = new Slots({
    all: options.besidePool ?? BESIDE_POOL,
    each: options.besidePool ?? BESIDE_POOL,
  });
  const orm = await MikroORM.init({
    clientUrl: options.url,
    entities: ledgerEntities,
    pool: { min: 0, max: options.poolSize ?? POOL_SIZE },
    driverOptions: {
      application_name: options.applicationName ?? 'longshore',
      connectionTimeoutMillis: connectTimeoutMs,
      // The driver's own, so that a time is a Date whichever way it was read.
      types: new TypeOverrides(),
      ...sessionPool(options.url, { settings: options.settings }),
      Client: ClientOfPool,
      onPoolCreated: (created: Pool) => {
        pool = created;
        endOnce(created);
        noteAcquired(created, acquiring);
        created.on('connect', (client) => client.once('end', () => giveBackEnded(client)));
      },
    },
  });
  const bare = async (query: QueryConfig) => (await poolOf(orm)).query(query);
  const onPool = (): Pick<Sql, 'query'> => ({
    query: async (text, values) => (await bare(config(text, values))).rows,
  });
  /** An error that a function of the database's raised is explained, by another connection, before it goes on. */
  const explaining = async <T>(running: Promise<T>, lookUps: Pick<Sql, 'query'> = onPool()): Promise<T> => {
    try {
      return await running;
    } catch (error) {
      await explainRaised(lookUps, error);
      throw error;
    }
  };

  /** Runs `work` on the client's connection; its statement ends when the signal aborts, and so does `work`. */
  async function endingWith<T>(
    signal: AbortSignal | undefined,
    client: PoolClient,
    work: () => Promise<T>,
  ): Promise<T> {
    if (!signal) return work();
    signal.throwIfAborted();
    let ending: Promise<unknown> | undefined;
    const end = () => {
      // By another connection, since this one is busy. Where none is to be had, the connection goes, and PostgreSQL
      // sees that in a few seconds.
      ending = poolOf(orm)
        .then((running) => running.query('select pg_cancel_backend($1)', [backendOf(client)]))
        .catch(() => streamOf(client).destroy());
    };
    signal.addEventListener('abort', end, { once: true });
    try {
      return await work();
    } finally {
      signal.removeEventListener('abort', end);
      await ending;
      signal.throwIfAborted();
    }
  }

  return {
    orm,
    get em() {
      return orm.em.fork();
    },
    ledger: ledgerOf(orm.em.fork()),
    async transaction(work, { signal, name } = {}) {
      const acquired: Acquired = { client: undefined };
      const begin = async (em: EntityManager) => {
        const { client } = acquired;
        if (!client) throw new Error('the connection of the transaction is not known');
        if (name !== undefined) await em.execute(`select set_config('application_name', ?, true)`, [name]);
        const lookUps = onPool();
        const tx: Tx = {
          em,
          ledger: ledgerOf(em, signal),
          client,
          query: async (text, values) => {
            signal?.throwIfAborted();
            return (await explaining(client.query(config(text, values)), lookUps)).rows;
          },
          change: async (text, values) => {
            signal?.throwIfAborted();
            return (await explaining(client.query(config(text, values)), lookUps)).rowCount ?? 0;
          },
        };
        return endingWith(signal, client, () => work(tx));
      };
      return acquiring.run(acquired, () =>
        explaining(
          orm.em.fork({ signal }).transactional(begin, { isolationLevel: IsolationLevel.READ_COMMITTED }),
        ),
      );
    },
    query: async (text, values) => (await explaining(bare(config(text, values)))).rows,
    async run(text, values, { signal }) {
      const client = await (await poolOf(orm)).connect();
      try {
        return await endingWith(signal, client, () => explaining(client.query(config(text, values))));
      } finally {
        giveBack(client.release);
      }
    },
    prepared: async (text, values) =>
      (await explaining(bare({ ...config(text, values), name: nameOf(text) }))).rows,
    // Made at the first statement.
    pool: () => ({
      total: pool?.totalCount ?? 0,
      idle: pool?.idleCount ?? 0,
      waiting: pool?.waitingCount ?? 0,
    }),
    refused: () => attempts.refusal(),
    async connect() {
      const release = await beside.take('connection', connectTimeoutMs);
      if (release === null) {
        throw new LongshoreError('database-busy', 'all connections that this process may hold were in use');
      }
      try {
        const client = await connectSession({
          connectionString: options.url,
          application_name: options.applicationName ?? 'longshore',
          connectionTimeoutMillis: connectTimeoutMs,
        });
        client.once('end', release);
        return client;
      } catch (error) {
        release();
        throw error;
      }
    },
    // The pool first: Kysely, which forgets its pool before it ends it, would leak a connection that it is acquiring,
    // and the pool would wait for it for ever.
    [Symbol.asyncDispose]: async () => {
      await pool?.end();
      await orm.close(true);
    },
  };
}

type OnConnect = ((error: Error) => void) | ((error: null, client: Client) => void);

/** Remembers how attempts of the pool to connect ended: whoever finds a connection idle does not see that no more are made. */
function watchAttempts() {
  let refusal: { readonly error: unknown; readonly atMs: number } | undefined;
  const ended = (error: unknown) => {
    refusal = error ? { error, atMs: performance.now() } : undefined;
  };
  class ClientOfPool extends Client {
    // The pool connects by callback.
    override connect(): Promise<Client>;
    override connect(callback: OnConnect): void;
    override connect(callback?: OnConnect): Promise<Client> | undefined {
      if (callback === undefined) return super.connect();
      super.connect((error: Error) => {
        ended(error);
        (callback as (error: Error) => void)(error);
      });
      return undefined;
    }
  }
  const attempts = {
    refusal: () =>
      refusal !== undefined && performance.now() - refusal.atMs < REFUSAL_TOLD_MS ? refusal.error : null,
  };
  return { attempts, ClientOfPool };
}

/**
 * MikroORM does not give a connection back to the pool that was lost as a transaction began, ran or ended: each would
 * keep a place of the pool for ever, and the pool from closing. Whoever has it may give it back first.
 */
function giveBackEnded(client: PoolClient): void {
  // Of this time that it was taken, no later one.
  const { release } = client;
  setTimeout(() => giveBack(release, true), GIVE_BACK_AFTER_MS);
}

function giveBack(release: PoolClient['release'], broken = false): void {
  try {
    release(broken);
  } catch {
    // It was given back.
  }
}

/** The first client that was acquired by what runs in this context: that of its transaction. */
interface Acquired {
  client: PoolClient | undefined;
}

/** MikroORM and Kysely do not show which connection a transaction has; the pool knows for whom it acquires one. */
function noteAcquired(pool: Pool, acquiring: AsyncLocalStorage<Acquired>): void {
  const connect = pool.connect.bind(pool);
  const noting = (callback?: Parameters<typeof connect>[0]) => {
    // Single statements acquire theirs by callback.
    if (callback !== undefined) return connect(callback);
    const acquired = acquiring.getStore();
    return connect().then((client) => {
      if (acquired !== undefined) acquired.client ??= client;
      return client;
    });
  };
  pool.connect = noting as Pool['connect'];
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

function config(text: string, values?: readonly unknown[]): QueryConfig {
  return { text, values: values && [...values] };
}

/** `pg` keeps the socket on its client, but not in its types. */
function streamOf(client: PoolClient): Socket {
  return (client as PoolClient & { connection: { stream: Socket } }).connection.stream;
}

/**
 * Ends the sessions whose transaction has this name: of somebody who was given up, and may not know of it.
 * Resolves when they have given up their locks, or after some seconds.
 */
export async function endSessions(db: Sql, name: string): Promise<void> {
  await db.query(
    `select pg_terminate_backend(pid, $2) from pg_stat_activity
      where datname = current_database() and application_name = $1 and pid <> pg_backend_pid()`,
    [name, END_LIMIT_MS],
  );
}

/** Lets a pool be ended twice: `pg` refuses the second call. */
function endOnce(pool: Pool): void {
  const end = pool.end.bind(pool) as () => Promise<void>;
  let ended: Promise<void> | undefined;
  const once = (): Promise<void> => {
    ended ??= end();
    return ended;
  };
  // Nobody here ends it with a callback.
  pool.end = once as Pool['end'];
}
