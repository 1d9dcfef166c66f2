import { Migration } from '@mikro-orm/migrations';

/**
 * What keeps the ledger's statements as quick with 200,000 loads as with ten: indexes for each of them, and counts of
 * the loads that have ended, which metrics and reports read instead of the loads.
 */
export class LargeLedgers20261126 extends Migration {
  override up(): void {
    // Whether the load is in `load_count`. A load is counted some seconds after its end, by housekeeping.
    this.addSql('alter table longshore.load add column counted boolean not null default false');
    this.addSql(`
      create table longshore.load_count (
        table_name text not null,
        status text not null,
        loads double precision not null,
        rows_loaded double precision not null,
        rows_rejected double precision not null,
        rows_unchanged double precision not null,
        rows_discarded double precision not null,
        primary key (table_name, status)
      )`);
    this.addSql('create index load_uncounted on longshore.load (table_name, status, id) where not counted');
    // Whoever deletes or changes a counted load, also a process of an earlier version: the counts stay right.
    this.addSql(`
      create function longshore.uncount_loads() returns trigger language plpgsql as $$
      begin
        update longshore.load_count c
           set (loads, rows_loaded, rows_rejected, rows_unchanged, rows_discarded)
             = (c.loads - g.loads, c.rows_loaded - g.loaded, c.rows_rejected - g.rejected,
                c.rows_unchanged - g.unchanged, c.rows_discarded - g.discarded)
          from (select table_name, status, count(*) as loads, sum(rows_loaded) as loaded, sum(rows_rejected) as rejected,
                       sum(rows_unchanged) as unchanged, sum(rows_discarded) as discarded
                  from gone where counted group by 1, 2 order by 1, 2) g
         where c.table_name = g.table_name and c.status = g.status;
        return null;
      end $$`);
    this.addSql(`
      create trigger uncount_deleted after delete on longshore.load
        referencing old table as gone for each statement execute function longshore.uncount_loads()`);
    this.addSql(`
      create function longshore.uncount_load() returns trigger language plpgsql as $$
      begin
        update longshore.load_count
           set (loads, rows_loaded, rows_rejected, rows_unchanged, rows_discarded)
             = (loads - 1, rows_loaded - old.rows_loaded, rows_rejected - old.rows_rejected,
                rows_unchanged - old.rows_unchanged, rows_discarded - old.rows_discarded)
         where table_name = old.table_name and status = old.status;
        new.counted := false;
        return new;
      end $$`);
    this.addSql(`
      create trigger uncount_changed before update on longshore.load for each row
        when (old.counted and (old.table_name, old.status, old.rows_loaded, old.rows_rejected, old.rows_unchanged,
              old.rows_discarded, old.finished_at is null) is distinct from (new.table_name, new.status, new.rows_loaded,
              new.rows_rejected, new.rows_unchanged, new.rows_discarded, new.finished_at is null))
        execute function longshore.uncount_load()`);

    this.addSql('create index load_by_table on longshore.load (table_name, id)');
    this.addSql('create index load_by_status on longshore.load (status, id)');
    this.addSql('create index load_by_table_and_status on longshore.load (table_name, status, id)');
    // What the next load of the table has to be held against; all others of these are before it.
    this.addSql(`
      create index load_valid on longshore.load (table_name, id) where status not in ('failed', 'cancelled')`);
    // A path can be longer than an entry of an index may be.
    this.addSql(`
      create index load_source on longshore.load
        (table_name, mode, hashtextextended(source_key || '@' || coalesce(source_stamp, ''), 0), id)
        where source_kind = 'inbox'`);
    this.addSql(`
      create index restore_in_place on longshore.restore (finished_at)
        where kind = 'restore' and status = 'done' and target ->> 'as' is null`);
    this.addSql(`
      create index backup_snapshot on longshore.backup (snapshot_at)
        where status in ('running', 'done', 'unverified')`);
    this.addSql(`
      create index backup_unmade on longshore.backup (finished_at) where status in ('failed', 'cancelled')`);
    this.addSql('create index backup_by_schedule on longshore.backup (schedule_id, started_by)');
    this.addSql(`create index restore_drill on longshore.restore (started_by, id) where kind = 'drill'`);
  }
}
