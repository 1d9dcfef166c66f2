import { Migration } from '@mikro-orm/migrations';

/** Files that arrive packed or in a wide encoding: what was taken off, and where the plain text of an inbox file is. */
export class Wrappings20261127 extends Migration {
  override up(): void {
    // Null in what a process of an earlier version requests: that is read as it lies.
    this.addSql('alter table longshore.load add column wrappings jsonb, add column plain_key text');
  }
}
