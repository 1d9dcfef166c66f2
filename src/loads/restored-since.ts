import { part } from '../db/statement.ts';

/**
 * Conditions on `longshore.load l`: what restores have done to the rows of a load. A load that has not ended will be
 * published after every restore so far, so none has touched it.
 */

const IN_PLACE = `r.kind = 'restore' and r.status = 'done' and r.target ->> 'as' is null
             and r.tables @> array[l.table_name] and r.finished_at > l.finished_at`;

/** A restore, of the whole table or of single rows, has changed the load's table after it. */
export const CHANGED_BY_RESTORE = part`exists (select from longshore.restore r where ${IN_PLACE})`;

/**
 * The table is as it was at a moment before the load. The latest restore of the whole table took it back to the moment
 * of its backup, and a restore before that further back: a backup that was made after the load brings its rows back,
 * but not if the table lacked them by then. `least` ends the recursion even where a clock was set back.
 */
export const RESTORED_AWAY = part`exists (
      select from (
        with recursive as_of (moment) as (
          select 'infinity'::timestamptz
           union all
          select last.moment from as_of cross join lateral (
            select least(b.snapshot_at, r.finished_at - interval '1 microsecond') as moment
              from longshore.restore r join longshore.backup b on b.id = r.backup_id
             where ${IN_PLACE} and jsonb_typeof(r.target -> 'keys') is distinct from 'array'
               and r.finished_at <= as_of.moment
             order by r.finished_at desc limit 1) last)
        select min(moment) as moment from as_of) a
       where a.moment < l.finished_at)`;
