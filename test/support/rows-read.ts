import type { Database, Tx } from '../../src/db/database.ts';
import type { Sql } from '../../src/db/sql.ts';

/** Rows of the ledger's tables and entries of its indexes that a session has read and not reported yet, by relation. */
const READ = `
  select relname::text as name, pg_stat_get_xact_tuples_returned(oid)::int as read
    from pg_class where relnamespace = 'longshore'::regnamespace and relkind in ('r', 'i')`;

export interface RowsRead {
  readonly total: number;
  /** For the message of an assertion. */
  readonly where: string;
}

/** What `work`, within one transaction, reads of the ledger, as PostgreSQL counts it for the session of `query`. */
export async function rowsReadBy(query: Sql['query'], work: () => Promise<unknown>): Promise<RowsRead> {
  const count = async () => {
    const rows = await query<{ name: string; read: number }>(READ);
    return new Map(rows.map(({ name, read }) => [name, read]));
  };
  const before = await count();
  await work();
  const read = [...(await count())].map(([name, n]) => [name, n - before.get(name)!] as const);
  const most = read.filter(([, n]) => n > 0).sort(([, a], [, b]) => b - a);
  return {
    total: most.reduce((sum, [, n]) => sum + n, 0),
    where: most.map(([name, n]) => `${name} ${n}`).join(', '),
  };
}

/** The same for work with a database: whatever it changes is rolled back. */
export async function rowsRead(
  db: Database,
  work: (db: Database, tx: Tx) => Promise<unknown>,
): Promise<RowsRead> {
  let found: RowsRead | undefined;
  const done = new Error('rolled back');
  await db
    .transaction(async (tx) => {
      found = await rowsReadBy(tx.query, () => work(boundTo(db, tx), tx));
      throw done;
    })
    .catch((error) => {
      if (error !== done) throw error;
    });
  return found!;
}

/** A database all of whose statements run in the one transaction. */
function boundTo(db: Database, tx: Tx): Database {
  return {
    ...db,
    em: tx.em,
    ledger: tx.ledger,
    query: tx.query,
    transaction: (work) => work(tx),
  };
}
