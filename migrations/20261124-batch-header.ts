import { Migration } from '@mikro-orm/migrations';

/** The header of a batch that came as CSV, so that its rejects can be read as they were sent. */
export class BatchHeader20261124 extends Migration {
  override up(): void {
    // JSON text of an array; null where the cells have the order of the table's fields.
    this.addSql('alter table longshore.batch add column header text');
  }
}
