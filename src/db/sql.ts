import type { QueryResultRow } from 'pg';

/** The least that small statements need of a database: a `Database`, or one transaction (`Tx`). */
export interface Sql {
  /** `$1` parameters, as in `pg`. */
  query<R extends QueryResultRow>(text: string, values?: readonly unknown[]): Promise<R[]>;
}
