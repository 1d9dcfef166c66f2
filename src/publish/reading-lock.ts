import type { ClientBase } from 'pg';
import type { Sql } from '../db/sql.ts';
import { LongshoreError } from '../errors.ts';

/**
 * Who reads tables through one snapshot for long, and who changes tables in ways that no snapshot sees.
 *
 * Under an older snapshot, a table that a publish has swapped in since, or truncated, reads as empty: a backup of it
 * would be good in every respect and hold nothing. So a backup holds an advisory lock, shared, on each table from
 * before its snapshot to its end, and a publish needs it exclusively. A table lock would do as well, but a publish
 * that waits for one keeps every reader behind it waiting. Rows that come one by one (batches) need no lock.
 */
const LOCK_KEY = `hashtextextended('longshore rows of ' || name, 0)`;

/**
 * Waits for publishes of these tables, and keeps the next ones waiting until the session ends. Comes before the
 * transaction: the first query of a repeatable-read transaction takes its snapshot, even while it waits.
 */
export async function lockForReading(client: ClientBase, tables: readonly string[]): Promise<void> {
  await client.query(
    `select pg_advisory_lock_shared(${LOCK_KEY}) from (select unnest($1::text[]) as name order by 1) t`,
    [tables],
  );
}

/**
 * For a publish, until its transaction ends. It does not wait: whoever waits holds a worker's slot, which the backup
 * may need to come to its end. The caller holds table locks that keep other publishes of these tables away.
 *
 * @param tables as SQL writes them, quoted where need be
 * @throws LongshoreError `table-backing-up`: to be tried again
 */
export async function lockForPublishing({ query }: Sql, tables: readonly string[]): Promise<void> {
  const [refused] = await query<{ name: string }>(
    `select name from (
       select relname::text as name from pg_class where oid = any ($1::text[]::regclass[]) order by 1) t
      where not pg_try_advisory_xact_lock(${LOCK_KEY})`,
    [tables],
  );
  if (refused) throw new LongshoreError('table-backing-up', `a backup reads ${refused.name}`);
}
