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
        error_code text,
        error_message text,
        failed_at timestamptz
      )`);
  }
}
