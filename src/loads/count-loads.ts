import type { Sql } from '../db/sql.ts';
import { part, statement } from '../db/statement.ts';
import { addSums } from './load-sums.ts';

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
  sums as (${addSums(part`counted`, part`longshore.load_count`)})
  select count(*)::int as n from counted`;

/** Counts the loads that have ended since the last call. */
export async function countEndedLoads(db: Sql): Promise<void> {
  for (;;) {
    const [counted] = await db.query(COUNT_ENDED);
    if ((counted?.n ?? 0) < SLICE) return;
  }
}
