import { Migration } from '@mikro-orm/migrations';

/** What the deletion of old entries needs: counts of loads that are gone, indexes by age, and a kind of schedule. */
export class LedgerAges20261126 extends Migration {
  override up(): void {
    // Deleted loads still count for reports and metrics, by the table and the status that they had.
    this.addSql(`
      create table longshore.load_past (
        table_name text not null,
        status text not null,
        loads double precision not null,
        rows_loaded double precision not null,
        rows_rejected double precision not null,
        rows_unchanged double precision not null,
        rows_discarded double precision not null,
        primary key (table_name, status)
      )`);
    this.addSql(
      'create index load_finished on longshore.load (finished_at, id) where finished_at is not null',
    );
    this.addSql(
      `create index load_replaced on longshore.load (table_name, id) where status = 'done' and mode = 'replace'`,
    );
    this.addSql('create index batch_group_committed on longshore.batch_group (committed_at, id)');
    // Without it each deleted batch would read all keys, to find those that go with it.
    this.addSql('create index idempotency_key_batch on longshore.idempotency_key (batch_id)');
    this.addSql('create index restore_backup on longshore.restore (backup_id)');
    this.addSql('create index restore_safety_backup on longshore.restore (safety_backup_id)');
    this.addSql(
      'create index restore_finished on longshore.restore (finished_at) where finished_at is not null',
    );
    // What is deleted leaves room for new entries among old ones, so that ranges of pages tell no time any more.
    this.addSql('drop index longshore.audit_by_time');
    this.addSql('create index audit_by_time on longshore.audit (at)');
    this.addSql('alter table longshore.schedule drop constraint schedule_kind_check');
    this.addSql(`
      alter table longshore.schedule
        add constraint schedule_kind_check check (kind in ('runs', 'report', 'tidy'))`);
  }
}
