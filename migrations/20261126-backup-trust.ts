import { Migration } from '@mikro-orm/migrations';

/**
 * Which backups are believed: those that are not are `unverified`, and say why. A ledger has an ID of its own, which
 * its manifests carry: 128 random bits that nobody chooses.
 */
export class BackupTrust20261126 extends Migration {
  override up(): void {
    this.addSql('alter table longshore.backup drop constraint backup_status_check');
    this.addSql(`
      alter table longshore.backup
        add constraint backup_status_check
          check (status in ('running', 'done', 'failed', 'cancelled', 'deleted', 'unverified')),
        add column unverified jsonb,
        add constraint unverified_says_why check ((status = 'unverified') = (unverified is not null)),
        add column found boolean not null default false,
        add column cleared_at timestamptz`);
    this.addSql('alter table longshore.restore add column skipped jsonb');
    this.addSql('create table longshore.backup_origin (id uuid not null)');
    this.addSql('create unique index backup_origin_is_one on longshore.backup_origin ((true))');
    this.addSql('insert into longshore.backup_origin values (gen_random_uuid())');
  }
}
