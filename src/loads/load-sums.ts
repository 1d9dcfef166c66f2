import { type Part, part } from '../db/statement.ts';

/** Adds loads to the sums of their table and status. `from` has their columns; `into` is a table of sums. */
export function addSums(from: Part, into: Part): Part {
  return part`
    insert into ${into} as s
    select table_name, status, count(*), sum(rows_loaded), sum(rows_rejected), sum(rows_unchanged), sum(rows_discarded)
      from ${from} group by 1, 2 order by 1, 2
    on conflict (table_name, status) do update
      set (loads, rows_loaded, rows_rejected, rows_unchanged, rows_discarded)
        = (s.loads + excluded.loads, s.rows_loaded + excluded.rows_loaded, s.rows_rejected + excluded.rows_rejected,
           s.rows_unchanged + excluded.rows_unchanged, s.rows_discarded + excluded.rows_discarded)`;
}
