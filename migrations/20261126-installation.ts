import { Migration } from '@mikro-orm/migrations';

/** Which installation the ledger is of, which processes run on it, and what tells two loads of one number apart. */
export class Installation20261126 extends Migration {
  override up(): void {
    // `takes_over`: workflows that began before there were IDs may still be under way, in the queues of that time.
    this.addSql(`
      create table longshore.installation (
        id text primary key check (id ~ '^[a-z0-9]{2,24}$' and id <> 'activities'),
        takes_over boolean not null,
        created_at timestamptz not null default now()
      )`);
    this.addSql('create unique index installation_is_one on longshore.installation ((true))');
    this.addSql(`
      insert into longshore.installation (id, takes_over)
        values (left(replace(gen_random_uuid()::text, '-', ''), 8), exists (select from longshore.api_key))`);
    this.addSql(`
      create table longshore.process (
        token text primary key,
        name text not null,
        host text not null,
        pid int not null,
        started_at timestamptz not null default clock_timestamp(),
        seen_at timestamptz not null default clock_timestamp()
      )`);
    this.addSql('alter table longshore.load add column uid uuid not null default gen_random_uuid()');
    this.addSql('alter table longshore.restore add column uid uuid not null default gen_random_uuid()');
  }
}
