import type { EntityManager } from '@mikro-orm/postgresql';
import {
  type CompiledQuery,
  type Driver,
  Kysely,
  type KyselyPlugin,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
  type Selectable,
  sql,
} from 'kysely';
import type { LedgerTables } from '../ledger/entities.ts';
import { LEDGER_SCHEMA, quoteName, quoteNames } from './sql-names.ts';

/** Queries of the ledger's tables, typed from its entities. */
export type Ledger = Kysely<LedgerTables>;

/** A row as it is read: for statements in SQL that give columns of a table as they are. */
export type LedgerRow<Table extends keyof LedgerTables> = Selectable<LedgerTables[Table]>;

/**
 * Queries on the connection of the entity manager: that of its transaction, or any of the pool.
 * @param signal no query begins once it has aborted
 */
export function ledgerOf(em: EntityManager, signal?: AbortSignal): Ledger {
  const ledger = em.getKysely<LedgerTables>().withSchema(LEDGER_SCHEMA);
  return signal ? ledger.withPlugin(refusingAfter(signal)) : ledger;
}

function refusingAfter(signal: AbortSignal): KyselyPlugin {
  return {
    transformQuery({ node }) {
      signal.throwIfAborted();
      return node;
    },
    transformResult: async ({ result }) => result,
  };
}

/** Runs one statement. `changed`: the number of rows that PostgreSQL reports as written. */
export type RunStatement = (
  text: string,
  values: readonly unknown[],
) => Promise<{ readonly rows: unknown[]; readonly changed: number | null }>;

/** Queries that are run elsewhere, one by one: for work that may end before its statement does. */
export function ledgerOver(run: RunStatement): Ledger {
  const dialect = {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => driverOver(run),
    createIntrospector: (db: Kysely<never>) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
  return new Kysely<LedgerTables>({ dialect }).withSchema(LEDGER_SCHEMA);
}

function driverOver(run: RunStatement): Driver {
  const noTransaction = async () => {
    throw new Error('a transaction of the ledger is one of the database: use its transaction()');
  };
  return {
    init: async () => undefined,
    acquireConnection: async () => ({
      async executeQuery<Row>({ sql: text, parameters }: CompiledQuery) {
        const { rows, changed } = await run(text, parameters);
        return { rows: rows as Row[], numAffectedRows: changed === null ? undefined : BigInt(changed) };
      },
      streamQuery: () => {
        throw new Error('rows of the ledger are not streamed');
      },
    }),
    beginTransaction: noTransaction,
    commitTransaction: noTransaction,
    rollbackTransaction: noTransaction,
    releaseConnection: async () => undefined,
    destroy: async () => undefined,
  };
}

/** A COPY into columns of a table of the ledger: it can't be prepared, but its names are those of the entity. */
export function copyInto<T extends keyof LedgerTables & string>(
  table: T,
  columns: readonly (keyof LedgerTables[T] & string)[],
): string {
  return `copy ${quoteName(LEDGER_SCHEMA, table)} (${quoteNames(columns)}) from stdin`;
}

/** A value of a `jsonb` column: the driver would write an array as one of PostgreSQL's. */
export function jsonb<T>(value: T): RawBuilder<T> {
  return sql<T>`${JSON.stringify(value)}::jsonb`;
}

/** One of these values, as one parameter: an `in` would have one each, and none for an empty list. */
export function anyOf<T>(values: readonly T[]): RawBuilder<T> {
  return sql<T>`any (${values})`;
}

/** A moment that is given as text, with all its digits. @param text RFC 3339 */
export function moment(text: string): RawBuilder<Date> {
  return sql<Date>`${text}::timestamptz`;
}

/** The moment at which the transaction began, as PostgreSQL has it. */
export const NOW = sql<Date>`now()`;
/** The moment at which the statement runs. */
export const CLOCK = sql<Date>`clock_timestamp()`;
