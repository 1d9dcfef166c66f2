import { Migration } from '@mikro-orm/migrations';

/** The dictionary in the ledger: every version of it. */
export class Dictionary20261127 extends Migration {
  override up(): void {
    // The newest row is the platform's dictionary. `base` is the file, or the sample, that a start applied last;
    // `base_tables` has the hash of each of its tables, so that the next file is not taken to drop what was added since.
    // `since` has, by table, the version in which it came.
    this.addSql(`
      create table longshore.dictionary (
        no int primary key,
        name text not null,
        version text not null,
        descriptor text not null,
        hash text not null,
        base text not null check (base in ('sample', 'file')),
        base_hash text not null,
        base_tables jsonb not null,
        since jsonb not null,
        change text not null check (change in ('start', 'add', 'remove', 'bring-back')),
        tables text[] not null,
        changed_by text not null,
        created_at timestamptz not null default clock_timestamp()
      )`);
    // By the version in which its table came: another table of the same name has loads of its own. null: of before.
    this.addSql('alter table longshore.load add column table_since int');
    // Which file a process was started with; null: with none, or by an earlier version.
    this.addSql('alter table longshore.process add column dictionary_hash text');
  }
}
