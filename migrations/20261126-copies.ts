import { Migration } from '@mikro-orm/migrations';

/** Tables that restores make under another name: apart from the data, and known by name. */
export class Copies20261126 extends Migration {
  override up(): void {
    this.addSql('create schema if not exists longshore_copies');
    this.addSql(`
      create table longshore.table_copy (
        name text primary key,
        table_name text not null,
        backup_id text not null,
        restore_id int not null,
        rows float8 not null,
        made_by text not null,
        created_at timestamptz not null default clock_timestamp()
      )`);
  }
}
