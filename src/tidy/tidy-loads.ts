import type { Database } from '../db/database.ts';
import { part, statement } from '../db/statement.ts';
import { addSums } from '../loads/load-sums.ts';
import { dropRejects } from '../rejects/kept-rejects.ts';
import { inSlices, OLD, type Place, SLICE, type Slices, walk } from './slices.ts';

/** Loads a page: each may have hundreds of chunks. */
const PAGE = 500;

/**
 * The condition for deleting a load. Recognizing a file that is sent again, and tracing a row's origin, need the loads of
 * rows that are in a table or may come back into it; so a finished load stays until a later `replace` is done, and if
 *
 *   a backup holds its rows                (made between the two; an hour is more than a publish takes to commit), or
 *   a restore came after the replaces      (it may have brought the rows back), it stays for longer.
 *
 * The newest finished load always stays, also for the rule that the same `replace` or `merge` twice is one load.
 */
const GOES = part`(l.status in ('failed', 'cancelled') or l.status = 'done' and exists (
    select from lateral (
      select n.finished_at from longshore.load n
       where n.table_name = l.table_name and n.status = 'done' and n.mode = 'replace' and n.id > l.id
       order by n.id limit 1) next
     where not exists (
       select from longshore.backup b
        where b.status in ('running', 'done', 'unverified') and l.table_name = any (b.tables)
          and b.snapshot_at >= l.finished_at and b.snapshot_at <= next.finished_at + interval '1 hour')
       and not exists (
       select from longshore.restore r
        where r.kind = 'restore' and r.target ->> 'as' is null and l.table_name = any (r.tables)
          and (r.finished_at is null or r.status = 'done' and r.finished_at > (
            select p.finished_at from longshore.load p
             where p.table_name = l.table_name and p.status = 'done' and p.mode = 'replace'
             order by p.id desc limit 1)))))`;

const PAGE_OF_OLD = statement<{ id: string; at: string }>`
  select l.id::text as id, l.finished_at::text as at from longshore.load l
   where l.finished_at < ${OLD} and (l.finished_at, l.id) > ($2::timestamptz, $3::int)
   order by l.finished_at, l.id limit ${PAGE}`;

/** Deletes loads, and adds them to the totals that reports and metrics count: see `longshore.load_past`. */
const DELETE = statement<{ n: number }>`
  with gone as (
    delete from longshore.load l where l.id = any ($1::int[]) and l.finished_at is not null and ${GOES}
    returning table_name, status, rows_loaded, rows_rejected, rows_unchanged, rows_discarded),
  past as (${addSums(part`gone`, part`longshore.load_past`)})
  select count(*)::int as n from gone`;

const oldLoads =
  (db: Database, { days }: Slices) =>
  (after: Place) =>
    db.query(PAGE_OF_OLD, [days, after.at, after.id]);

const DROP_CHUNKS = statement`update longshore.load set chunks = null where id = any ($1::int[]) and chunks is not null`;

/** A file that lies where it was stays known, or it would be taken for a new one. */
const DELETE_FILES = statement<{ n: number }>`
  with gone as (
    delete from longshore.arrival_file where id in (
      select id from longshore.arrival_file where ended_at < ${OLD} and cleared limit ${SLICE})
    returning id)
  select count(*)::int as n from gone`;

/**
 * Deletes loads that ended long ago, and the files of arrivals that are gone since; of loads that stay, the list of
 * chunks, which is only for loading.
 * @returns the number of deleted loads
 */
export async function deleteOldLoads(db: Database, slices: Slices): Promise<number> {
  await inSlices(slices, async () => (await db.query(DELETE_FILES, [slices.days]))[0]?.n ?? 0);
  return walk(slices, oldLoads(db, slices), async (ids) => {
    const [gone] = await db.query(DELETE, [ids]);
    await db.query(DROP_CHUNKS, [ids]);
    return gone?.n ?? 0;
  });
}

const LOADS_WITH_REJECTS = statement<{ id: number }>`
  select l.id from longshore.load l
   where l.id = any ($1::int[]) and exists (select from longshore.reject r where r.load_id = l.id)`;

/** Deletes the rejects of loads that ended long ago. Their counts stay, by field and code. */
export async function deleteOldLoadRejects(db: Database, slices: Slices): Promise<number> {
  return walk(slices, oldLoads(db, slices), async (ids) => {
    const found = await db.query(LOADS_WITH_REJECTS, [ids]);
    let deleted = 0;
    for (const { id } of found) {
      deleted += await inSlices(slices, () => db.transaction((tx) => dropRejects(tx, id, 0, SLICE)));
    }
    return deleted;
  });
}
