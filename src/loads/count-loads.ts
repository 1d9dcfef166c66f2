import type { Sql } from '../db/sql.ts';
import { statement } from '../db/statement.ts';

/** Loads that one statement counts: a fraction of a second. */
const SLICE = 5_000;

/**
 * Adds loads that have ended to the sums of their table and status, and marks them: each is in exactly one of both, so
 * that whoever adds the two up always sees every load once. Several processes may do so at once, each with other loads;
 * triggers take a load out again that is changed or deleted.
 */
const COUNT_ENDED = statement<{ n: number }>`
  with ended as (
    select id from longshore.load where not counted and finished_at is not null
     limit ${SLICE} for update skip locked),
  counted as (
    update longshore.load l set counted = true from ended where l.id = ended.id
    returning l.table_name, l.status, l.rows_loaded, l.rows_rejected, l.rows_unchanged, l.rows_discarded),
  sums as (
    insert into longshore.load_count as c
    select table_name, status, count(*), sum(rows_loaded), sum(rows_rejected), sum(rows_unchanged), sum(rows_discarded)
      from counted group by 1, 2 order by 1, 2
    on conflict (table_name, status) do update
      set (loads, rows_loaded, rows_rejected, rows_unchanged, rows_discarded)
        = (c.loads + excluded.loads, c.rows_loaded + excluded.rows_loaded, c.rows_rejected + excluded.rows_rejected,
           c.rows_unchanged + excluded.rows_unchanged, c.rows_discarded + excluded.rows_discarded))
  select count(*)::int as n from counted`;

/** Counts the loads that have ended since the last call. */
export async function countEndedLoads(db: Sql): Promise<void> {
  for (;;) {
    const [counted] = await db.query(COUNT_ENDED);
    if ((counted?.n ?? 0) < SLICE) return;
  }
}
