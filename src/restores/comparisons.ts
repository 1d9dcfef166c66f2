import { sql } from 'kysely';
import type { Database } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import type { Dictionary } from '../types.ts';
import { createRestore } from './create-restore.ts';

/** `startedBy` of the dry runs whose stages are kept. */
const STARTED_BY = 'diff';
/** A stage is kept so long after its last page. */
const KEPT_FOR = '10 minutes';
/** A stage that expires within this time is not read any more. */
const MARGIN = '1 minute';

const TAKE_COMPARISON = statement<{ id: number }>`
  update longshore.restore set keep_until = now() + $3::interval
   where id = (select max(id) from longshore.restore
                where kind = 'dry-run' and backup_id = $1 and tables = array[$2] and started_by = $4
                  and (finished_at is null or (status = 'done' and keep_until > now() + $5::interval)))
  returning id`;

/**
 * Finds the dry run whose stage a comparison of a backup with a table reads: the one kept since the last page, or a new
 * one, whose workflow the caller starts. It is kept for some more minutes from now on.
 *
 * @returns its ID
 * @throws LongshoreError as `createRestore` does
 */
export function findComparison(
  db: Database,
  {
    backupId,
    table,
    dictionary,
  }: { readonly backupId: string; readonly table: string; readonly dictionary: Dictionary },
): Promise<number> {
  return db.transaction(async ({ query, ledger }) => {
    // Concurrent readers of the first page share one stage.
    await query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `longshore diff ${backupId} ${table}`,
    ]);
    const [kept] = await query(TAKE_COMPARISON, [backupId, table, KEPT_FOR, STARTED_BY, MARGIN]);
    if (kept) return kept.id;
    const target = { as: null, keys: null, safety: false };
    const request = {
      kind: 'dry-run',
      backupId,
      tables: [table],
      target,
      dictionary,
      startedBy: STARTED_BY,
    } as const;
    const id = await createRestore(db, request);
    const keep_until = sql<Date>`now() + ${KEPT_FOR}::interval`;
    await ledger.updateTable('restore').set({ keep_until }).where('id', '=', id).execute();
    return id;
  });
}
