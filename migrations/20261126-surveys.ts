import { Migration } from '@mikro-orm/migrations';

/** The file's map was called a chart until now, which is a report's picture. */
export class Surveys20261126 extends Migration {
  override up(): void {
    this.addSql('alter table longshore.load drop constraint load_status_check');
    this.addSql(`update longshore.load set status = 'surveying' where status = 'charting'`);
    this.addSql(`
      alter table longshore.load
        add constraint load_status_check check (status in
          ('accepted', 'queued', 'surveying', 'loading', 'checking', 'publishing', 'done', 'failed', 'cancelled'))`);
  }
}
