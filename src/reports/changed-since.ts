import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';
import { COUNTERS } from './fill-view.ts';
import { STALE } from './report-states.ts';

const CHANGED_SINCE = statement<{ changed: boolean }>`
  select (${STALE} or r.failed_at is not null or r.counters is distinct from ${COUNTERS}) as changed
    from longshore.report r where r.name = $1`;

/**
 * Whether a report's tables have changed since its last refresh, by the ledger or by PostgreSQL's statistics, since other
 * programs may have written to them. The statistics lag behind commits, so a change that is included already may count
 * as a new one, but none is missed for long.
 */
export async function changedSince(db: Sql, name: string): Promise<boolean> {
  const [row] = await db.query(CHANGED_SINCE, [name]);
  return row?.changed ?? false;
}
