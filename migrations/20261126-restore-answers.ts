import { Migration } from '@mikro-orm/migrations';

/** What a drill holds its backup against, and what a backup leaves out. */
export class RestoreAnswers20261126 extends Migration {
  override up(): void {
    // The dictionary's tables when a drill was asked for.
    this.addSql('alter table longshore.restore add column today jsonb');
    this.addSql('alter table longshore.backup add column warnings jsonb');
  }
}
