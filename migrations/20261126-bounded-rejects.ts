import { Migration } from '@mikro-orm/migrations';

/** Rejects beyond those that are kept are counted, by field and code. */
export class BoundedRejects20261126 extends Migration {
  override up(): void {
    this.addSql('alter table longshore.load add column rejects_dropped double precision not null default 0');
    this.addSql(
      'alter table longshore.load_chunk add column rejects_dropped double precision not null default 0',
    );
    this.addSql(`
      create table longshore.reject_rest (
        load_id int not null references longshore.load on delete cascade,
        code text not null,
        field text not null default '',
        errors double precision not null,
        primary key (load_id, code, field)
      )`);
  }
}
