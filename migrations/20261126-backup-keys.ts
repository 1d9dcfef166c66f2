import { Migration } from '@mikro-orm/migrations';

/** Which of several backup keys a backup is made with. */
export class BackupKeys20261126 extends Migration {
  override up(): void {
    this.addSql('alter table longshore.backup add column key_id text');
    this.addSql(
      `update longshore.backup set key_id = manifest -> 'encryption' ->> 'keyId' where manifest is not null`,
    );
  }
}
