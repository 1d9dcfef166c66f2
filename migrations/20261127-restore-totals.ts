import { Migration } from '@mikro-orm/migrations';

/** How much a restore has to stage, which lists of restores would otherwise read from the manifests of their backups. */
export class RestoreTotals20261127 extends Migration {
  override up(): void {
    // Null in what a process of an earlier version requests: then the manifest is read.
    this.addSql(
      'alter table longshore.restore add column parts_total integer, add column rows_total double precision',
    );
    this.addSql(`
      update longshore.restore r
         set (parts_total, rows_total) = (
           select coalesce(sum(jsonb_array_length(one -> 'parts')), 0)::int, coalesce(sum((one ->> 'rows')::float8), 0)
             from jsonb_array_elements(b.manifest -> 'tables') one where one ->> 'table' = any (r.tables))
        from longshore.backup b where b.id = r.backup_id and b.manifest is not null`);
  }
}
