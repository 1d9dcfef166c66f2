import { Migration } from '@mikro-orm/migrations';

/** Rows of a load that PostgreSQL took and that a trigger or a rule of the table kept out. */
export class DiscardedRows20261126 extends Migration {
  override up(): void {
    this.addSql(`
      alter table longshore.load
        add column rows_discarded double precision not null default 0,
        drop constraint every_row_accounted,
        add constraint every_row_accounted check (
          status <> 'done' or rows_read = rows_loaded + rows_rejected + rows_unchanged + rows_discarded)`);
  }
}
