import type { ClientBase } from 'pg';
import type { Sql } from '../db/sql.ts';
import { LongshoreError } from '../errors.ts';

/**
 * Keeps long reads through one snapshot (backups) apart from changes that bypass snapshots (publishes).
 *
 * Under an older snapshot, a table that a publish has swapped in since, or truncated, reads as empty: a backup of it
 * would be valid in every respect and hold nothing. So a backup holds a shared advisory lock on each table from before
 * its snapshot to its end, and a publish needs it exclusively. A table lock would do as well, but readers queue behind a
 * publish that waits for one. Inserts of rows (batches) need no lock.
 */
const LOCK_KEY = `hashtextextended('longshore rows of ' || name, 0)`;

/**
 * Waits for publishes of these tables, and holds off the next ones until the session ends. Must precede the transaction:
 * the first query of a repeatable-read transaction takes its snapshot, even while it waits.
 */
export async function lockForReading(client: ClientBase, tables: readonly string[]): Promise<void> {
  await client.query(
    `select pg_advisory_lock_shared(${LOCK_KEY}) from (select unnest($1::text[]) as name order by 1) t`,
    [tables],
  );
}

/**
 * Acquires the lock for a publish until its transaction ends. It does not wait: a waiting publish would hold a worker's
 * slot, which the backup may need to finish. The caller holds table locks that keep other publishes of these tables away.
 *
 * @param tables as SQL writes them, quoted where need be
 * @throws LongshoreError `table-backing-up`, which is retryable
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
