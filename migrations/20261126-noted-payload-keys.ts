import { Migration } from '@mikro-orm/migrations';

/** Which payload keys the API has had since its last start, so that a worker can tell whether they are its own. */
export class NotedPayloadKeys20261126 extends Migration {
  override up(): void {
    // Of the row's last start of an API with the key; null: of before this was noted.
    this.addSql('alter table longshore.payload_key add column noted_at timestamptz');
    this.addSql('alter table longshore.payload_key add column seals boolean not null default false');
  }
}
