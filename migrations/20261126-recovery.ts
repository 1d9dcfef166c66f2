import { Migration } from '@mikro-orm/migrations';

/**
 * What the reconciliation of ledger and Temporal did about a job, for people; and whether a load's workflow has
 * certainly heard of the load's `paused`.
 */
export class Recovery20261126 extends Migration {
  override up(): void {
    for (const table of ['load', 'backup', 'restore']) {
      this.addSql(`alter table longshore.${table} add column note text`);
    }
    this.addSql('alter table longshore.load add column pause_told boolean not null default true');
  }
}
