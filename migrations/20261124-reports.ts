import { Migration } from '@mikro-orm/migrations';

/** The ledger of reports, and the schemas of their views. */
export class Reports20261124 extends Migration {
  override up(): void {
    this.addSql('create schema if not exists longshore_read');
    this.addSql('create schema if not exists longshore_report');
    this.addSql(`
      create table longshore.report (
        name text primary key,
        hash text not null,
        tables text[] not null,
        version int not null default 0,
        as_of timestamptz,
        seconds double precision,
        rows double precision,
        includes_load int,
        includes_group bigint,
        includes_restore int,
        seen_loads int not null default 0,
        seen_restores int not null default 0,
        seen_groups int not null default 0,
        top_group bigint not null default 0,
        counters jsonb,
        error_code text,
        error_message text,
        failed_at timestamptz
      )`);
    // What is counted to see whether a report is up to date; both stay short.
    this.addSql(
      `create index load_done on longshore.load (table_name, finished_at, id) where status = 'done'`,
    );
    this.addSql(
      `create index restore_done on longshore.restore (id) where status = 'done' and kind = 'restore'`,
    );
  }
}
