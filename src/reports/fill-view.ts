import type { Tx } from '../db/database.ts';
import { withinLockTime } from '../db/lock-holders.ts';
import { quoteName, REPORT_SCHEMA } from '../db/sql-names.ts';
import { type Statement, statement, statementFor } from '../db/statement.ts';
import { readViewOf } from '../tables/read-views.ts';
import { liveName } from '../tables/table-state.ts';
import { DONE_LOADS, DONE_RESTORES, groupsUpTo } from './report-states.ts';

/**
 * Fills a view and records in its ledger row what it includes, in the transaction of the caller:
 *
 *   lock what it reads ─ record what is there ─ refresh ─ count
 *
 * Each statement has its own snapshot, so the view may hold more than the ledger says, never less. The locks come
 * first: a refresh that waits for a load which swaps a table has its snapshot from before the wait, under which the
 * new table is empty. No load can swap a table that is locked.
 *
 * Beside readers it waits for those locks for some seconds only, since it holds a worker's slot; a start has to wait.
 *
 * @param view its name within the schema of reports
 * @param concurrently readers see the old rows until the commit; the view has to have rows and a unique index
 */
export async function fillView(
  tx: Tx,
  report: { readonly name: string; readonly tables: readonly string[] },
  { view, concurrently }: { readonly view: string; readonly concurrently: boolean },
): Promise<void> {
  const startedAt = performance.now();
  const quoted = quoteName(REPORT_SCHEMA, view);
  await tx.query(SETTINGS);
  const tables = [...report.tables].sort();
  const sources = [...tables.map(readViewOf), ...tables.map((name) => liveName({ name }))];
  const lock = () => tx.query(`lock table ${sources.join(', ')} in access share mode`);
  await (concurrently ? withinLockTime(tx, sources, 'access share', lock) : lock());
  await tx.query(NOTE, [report.name]);
  await tx.query(`refresh materialized view ${concurrently ? 'concurrently ' : ''}${quoted}`);
  await tx.query(noteFilledSql(quoted), [report.name, (performance.now() - startedAt) / 1000]);
}

/** @param view quoted */
export function noteFilledSql(view: string): Statement<never> {
  return statementFor`
    update longshore.report
       set version = version + 1, seconds = $2, rows = (select count(*) from ${view}),
           error_code = null, error_message = null, failed_at = null
     where name = $1`;
}

/**
 * Settings that make a report's rows independent of the session, and its time unlimited. But a backend must notice when
 * its client dies, or it would go on to the end and block the next one. Not every version knows every name.
 */
const SETTINGS = `
  select set_config(name, value, true)
    from (values ('TimeZone', 'UTC'), ('DateStyle', 'ISO, YMD'), ('IntervalStyle', 'iso_8601'), ('work_mem', '64MB'),
                 ('statement_timeout', '0'), ('transaction_timeout', '0'),
                 ('client_connection_check_interval', '2s')) wanted (name, value)
    join pg_settings using (name)`;

/**
 * Counters of all writes to the tables by any program: their files, which truncation changes, and PostgreSQL's row
 * statistics. Those lag behind commits, so they serve only for changes that the ledger can't know.
 */
export const COUNTERS = `
  (select coalesce(jsonb_agg(jsonb_build_array(c.relname, c.oid::bigint, c.relfilenode::bigint,
            pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid))
            order by c.relname), '[]')
     from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname = any (r.tables))`;

const NOTE = statement`
  with top as (select coalesce(max(id), 0) as id from longshore.batch_group)
  update longshore.report r
     set as_of = clock_timestamp(), top_group = top.id, counters = ${COUNTERS},
         seen_loads = ${DONE_LOADS}, seen_restores = ${DONE_RESTORES}, seen_groups = ${groupsUpTo('top.id')},
         includes_load = (select l.id from unnest(r.tables) t (name) cross join lateral (
                            select id, finished_at from longshore.load
                             where status = 'done' and table_name = t.name
                             order by finished_at desc, id desc limit 1) l
                           order by l.finished_at desc, l.id desc limit 1),
         -- What was included stays so when the ledger has deleted its batches.
         includes_group = coalesce(
           (select max((select max(b.group_id) from longshore.batch b where b.table_name = t.name))
              from unnest(r.tables) t (name)), includes_group),
         includes_restore = (select max(x.id) from longshore.restore x
                              where x.status = 'done' and x.kind = 'restore' and x.target ->> 'as' is null
                                and x.tables && r.tables)
    from top where r.name = $1`;
