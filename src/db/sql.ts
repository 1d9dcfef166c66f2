import type { EntityManager } from '@mikro-orm/postgresql';
import type { QueryResultRow } from 'pg';
import type { Ledger } from './ledger-queries.ts';
import type { Statement } from './statement.ts';

/** The least that small statements need of a database: a `Database`, or one transaction (`Tx`). */
export interface Sql {
  /** For simple reads and writes of the ledger; its statements hold their values, so no secrets. */
  readonly em: EntityManager;
  /** Queries of the ledger's tables, typed from its entities. */
  readonly ledger: Ledger;
  /** `$1` parameters, as in `pg`. */
  query<R extends QueryResultRow>(text: Statement<R>, values?: readonly unknown[]): Promise<R[]>;
}
