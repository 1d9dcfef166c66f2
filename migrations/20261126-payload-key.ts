import { Migration } from '@mikro-orm/migrations';

/** Keys that the API has sealed payloads with, by ID. With none, what runs in Temporal may be of before there were seals. */
export class PayloadKey20261126 extends Migration {
  override up(): void {
    this.addSql(`
      create table longshore.payload_key (
        id text primary key,
        first_used_at timestamptz not null default now()
      )`);
  }
}
