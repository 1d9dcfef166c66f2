import type { Database } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { GROUP_WINDOW } from '../reports/report-states.ts';
import { OLD, type Place, type Slices, walk } from './slices.ts';

/** Groups a page: one has up to some hundred batches, and usually few. */
const PAGE = 200;

const PAGE_OF_OLD = statement<{ id: string; at: string }>`
  select g.id::text as id, g.committed_at::text as at from longshore.batch_group g
   where g.committed_at < ${OLD} and (g.committed_at, g.id) > ($2::timestamptz, $3::bigint)
   order by g.committed_at, g.id limit ${PAGE}`;

const oldGroups =
  (db: Database, { days }: Slices) =>
  (after: Place) =>
    db.query(PAGE_OF_OLD, [days, after.at, after.id]);

/** Deletes batches with their rejects, except those of a live Idempotency-Key, or that a report has yet to include. */
const DELETE_BATCHES = statement<{ n: number }>`
  with gone as (
    delete from longshore.batch b
     where b.group_id = any ($1::bigint[])
       and not exists (select from longshore.idempotency_key k where k.batch_id = b.id and k.expires_at > now())
       and not exists (
         select from longshore.report r where b.table_name = any (r.tables) and b.group_id > r.top_group)
    returning 1)
  select count(*)::int as n from gone`;

/**
 * Deletes groups without batches. Reports count the groups of the last IDs that they included, so these stay, a row of
 * some bytes each: twice as many of the newest, since a refresh may be about to count them.
 */
const DELETE_GROUPS = statement`
  delete from longshore.batch_group g
   where g.id = any ($1::bigint[])
     and not exists (select from longshore.batch b where b.group_id = g.id)
     and g.id <= (select max(id) from longshore.batch_group) - ${2 * GROUP_WINDOW}
     and not exists (
       select from longshore.report r
        where g.table_name = any (r.tables) and g.id > r.top_group - ${GROUP_WINDOW} and g.id <= r.top_group)`;

/** Deletes batches of groups that were committed long ago, and the groups. */
export async function deleteOldBatches(db: Database, slices: Slices): Promise<number> {
  return walk(slices, oldGroups(db, slices), async (ids) => {
    const [gone] = await db.query(DELETE_BATCHES, [ids]);
    await db.query(DELETE_GROUPS, [ids]);
    return gone?.n ?? 0;
  });
}

const DELETE_OLD_BATCH_REJECTS = statement<{ n: number }>`
  with gone as (
    delete from longshore.batch_reject r using longshore.batch b
     where b.group_id = any ($1::bigint[]) and r.batch_id = b.id and b.rows_rejected > 0
       and not exists (select from longshore.idempotency_key k where k.batch_id = b.id and k.expires_at > now())
    returning 1)
  select count(*)::int as n from gone`;

/** Deletes the rejects of batches that were committed long ago. Their counts stay. */
export async function deleteOldBatchRejects(db: Database, slices: Slices): Promise<number> {
  return walk(slices, oldGroups(db, slices), async (ids) => {
    const [gone] = await db.query(DELETE_OLD_BATCH_REJECTS, [ids]);
    return gone?.n ?? 0;
  });
}
